// node-opcua calls every kind of method of a vision system, encrypted and logged in by name: lists by filters and pages,
// components, handles, configurations, a continuous job; through the ids of the types as well, and with wrong arguments.
// Usage: node vision_methods.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER ; USER_NAME and USER_PASSWORD say who;
// NODE_OPCUA_DIR names the folder that has node_modules. What it saw goes to standard output as one JSON object.
import process from "node:process";

import { certificates, clientOf, encrypted, opcua, tell, user, within } from "./session.mjs";

const { AttributeIds, DataType } = opcua;

const [, , url, station, pki] = process.argv;
const id = (name) => `ns=2;s=${station}.vision.${name}`;
const seen = {};

const client = clientOf(await certificates(pki), encrypted("Basic256Sha256"));
await client.connect(url);
const session = await client.createSession(user);

const AUTOMATIC = "VisionStateMachine.AutomaticModeStateMachine";
const plain = (value) => JSON.parse(JSON.stringify(value ?? null));
const int = (value) => ({ dataType: DataType.Int32, value });
const uint = (value) => ({ dataType: DataType.UInt32, value });
const words = (value) => ({ dataType: DataType.String, value });
const none = { dataType: DataType.Null };
const structure = async (dataType, name) => ({
  dataType: DataType.ExtensionObject,
  value: await session.constructExtensionObject(opcua.resolveNodeId(`ns=3;i=${dataType}`), { id: name }),
});

async function call(owner, method, inputArguments, methodId = id(`${owner}.${method}`)) {
  const answer = await session.call({ objectId: id(owner), methodId, inputArguments });
  return {
    status: answer.statusCode.name,
    arguments: (answer.inputArgumentResults ?? []).map((one) => one.name),
    outputs: (answer.outputArguments ?? []).map((one) => one.value),
    types: (answer.outputArguments ?? []).map((one) => DataType[one.dataType]),
  };
}

const filters = async (part, job) => [
  int(0),
  await structure(3015, ""),
  await structure(3004, part),
  await structure(3002, ""),
  await structure(3013, ""),
  none,
  none,
  none,
  job === undefined ? none : await structure(3016, job),
];
const list = async (part, job, most, start) =>
  (await call("ResultManagement", "GetResultListFiltered", [...(await filters(part, job)), uint(most), uint(start), int(-1)]))
    .outputs;
const start = async (method, part) =>
  call(AUTOMATIC, method, [await structure(3015, "m"), await structure(3004, part), none, none, none]);

try {
  seen.automatic = (await call("VisionStateMachine", "SelectModeAutomatic", [], "ns=3;i=7095")).outputs;

  const recipes = await call("RecipeManagement", "GetRecipeListFiltered", [none, none, int(2), uint(0), uint(0), int(-1)]);
  seen.recipes = { list: plain(recipes.outputs[3]), count: recipes.outputs[1], error: recipes.outputs[4] };
  seen.recipeTypes = recipes.outputs[3].map((one) => one.constructor.name);
  seen.released = (await call("RecipeManagement", "ReleaseRecipeHandle", [uint(recipes.outputs[2])])).outputs;
  seen.releasedTwice = (await call("RecipeManagement", "ReleaseRecipeHandle", [uint(recipes.outputs[2])])).outputs;

  const configurations = await call("ConfigurationManagement", "GetConfigurationList", [uint(0), uint(0), int(0)]);
  const [configuration] = configurations.outputs[3];
  seen.configuration = configuration.constructor.name;
  const named = { dataType: DataType.ExtensionObject, value: configuration.internalId };
  const again = await call("ConfigurationManagement", "GetConfigurationById", [named, int(0)]);
  seen.sameConfiguration = again.outputs[1].internalId.hash.equals(configuration.internalId.hash);
  seen.activated = (await call("ConfigurationManagement", "ActivateConfiguration", [named])).outputs;

  const run = await start("StartContinuous", "lot");
  const job = run.outputs[0].id;
  await within(async () => (await list("", job, 0, 0))[1] >= 3, "three results of the continuous job", seen);
  seen.refused = (await start("StartSingleJob", "x")).outputs.at(-1);
  seen.stopped = (await call(AUTOMATIC, "Stop", [int(1), words("enough")])).outputs;
  const ready = async () =>
    (await session.readVariableValue(id(`${AUTOMATIC}.CurrentState`))).value.value.text === "Ready";
  await within(ready, "Ready after Stop", seen);
  const [, total] = await list("", job, 0, 0);
  seen.jobs = (await list("", job, 0, 0))[3].every((one) => one.jobId.id === job && one.partId.id === "lot");
  const pages = [];
  for (let index = 0; index < total; index += 2) pages.push(await list("", job, 2, index));
  const ids = pages.flatMap((one) => one[3].map((result) => result.resultId.id));
  seen.pages = { all: new Set(ids).size === total, ends: pages.map((one) => one[0]).indexOf(true) === pages.length - 1 };
  seen.nothing = (await list("nobody", undefined, 0, 0)).slice(0, 2);

  const wanted = await structure(3021, ids[0]);
  const components = await call("ResultManagement", "GetResultComponentsById", [wanted, int(5000)], "ns=3;i=7007");
  seen.components = components.types;
  seen.componentNames = components.outputs.map((one) => one?.constructor?.name ?? null);
  seen.content = components.outputs[15].slice(0, 2).map((one) => one.value);
  seen.resultReleased = (await call("ResultManagement", "ReleaseResultHandle", [uint(components.outputs[1])])).outputs;

  const unknown = await call("ResultManagement", "GetResultById", [await structure(3021, "nothing"), int(0)]);
  seen.unknown = [unknown.status, unknown.outputs.at(-1)];
  seen.few = (await call("VisionStateMachine", "Halt", [int(1)])).status;
  seen.many = (await call("VisionStateMachine", "Halt", [int(1), words(""), int(1)])).status;
  const wrong = await call("ResultManagement", "GetResultById", [await structure(3004, "a part"), words("1")]);
  seen.wrong = [wrong.status, wrong.arguments];
  const executable = await session.read({ nodeId: id("VisionStateMachine.Halt"), attributeId: AttributeIds.UserExecutable });
  seen.executable = executable.value.value;
} finally {
  await session.close();
  await client.disconnect();
}
tell(seen);
