"""The measures of the thread that writes the history: how much, how often, how long."""

QUEUED = 5_000
"""Results that wait while the disk hangs or is full: a quarter of a minute at 300 a second, about 15 MB."""
GROUP = 500
"""The most results of one commit."""
GATHER_S = 0.05
"""How often the thread looks for new results: nobody wakes it, for that would cost the answer's moment 50 us."""
GATHER_SAFE_S = 0.01
"""The same where answers are kept before they are shown: what is kept wakes it, what is noted does not."""
NOTES_S = 1.0
"""How long notes may wait for a result to be written with, where a page has them: each commit takes the interpreter
from a trigger that is under way."""
ASIDE_S = 0.0005
"""How long the thread leaves the interpreter to the loop once an answer that was waited for is on the disk, and no
other waits: the loop shows it first, and the thread's own books come after."""
STOP_S = 1.0
"""How long leaving waits for what is still to be written: Ctrl-C has to end the gateway within two seconds."""
