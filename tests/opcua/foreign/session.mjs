// What the scripts beside this one share: node-opcua from the folder that NODE_OPCUA_DIR names, a client that connects
// at once or fails, who logs in, a wait with an end, and what was seen as one JSON object on standard output.
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";

const folder = process.env.NODE_OPCUA_DIR ?? path.dirname(new URL(import.meta.url).pathname);
export const require = createRequire(path.join(folder, "node_modules", "x.js"));
export const opcua = require("node-opcua-client");

// A client's certificates: its own, made where there is none, and the servers' that it has met.
export async function certificates(rootFolder, automaticallyAcceptUnknownCertificate = true) {
  const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
  const made = new OPCUACertificateManager({ rootFolder, automaticallyAcceptUnknownCertificate });
  await made.initialize();
  return made;
}

// Not connected yet. Without `security`, a client of policy None.
export function clientOf(clientCertificateManager, security = {}, name = "node client") {
  return opcua.OPCUAClient.create({
    applicationName: name,
    applicationUri: `urn:${name.replace(" ", "-")}`,
    clientCertificateManager,
    connectionStrategy: { maxRetry: 0 },
    endpointMustExist: true,
    ...security,
  });
}

export const encrypted = (policy) => ({
  securityMode: opcua.MessageSecurityMode.SignAndEncrypt,
  securityPolicy: opcua.SecurityPolicy[policy],
});

// By name, as USER_NAME and USER_PASSWORD say.
export const user = {
  type: opcua.UserTokenType.UserName,
  userName: process.env.USER_NAME,
  password: process.env.USER_PASSWORD,
};

// Looks every 5 ms whether it is `done`; fails with what was seen until then after `seconds`.
export async function within(done, what, seen = {}, seconds = 30) {
  const end = Date.now() + 1000 * seconds;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`timed out: ${what}; seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const tell = (seen) => process.stdout.write(`${JSON.stringify(seen)}\n`);
