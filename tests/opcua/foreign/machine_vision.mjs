// node-opcua and the companion model, encrypted and logged in: browse it, prepare a recipe, run a job, take its events
// at the Server object and at the vision system, decode every structure, read the result by its id.
// Usage: node machine_vision.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER ; USER_NAME and USER_PASSWORD say who;
// NODE_OPCUA_DIR names the folder that has node_modules. What it saw goes to standard output as one JSON object.
import process from "node:process";

import { certificates, clientOf, encrypted, opcua, tell, user, within } from "./session.mjs";

const { AttributeIds, ClientMonitoredItem, DataType } = opcua;
const { TimestampsToReturn, constructEventFilter, ofType, VariantArrayType } = opcua;

const [, , url, station, pki] = process.argv;
const root = `ns=2;s=${station}.vision`;
const id = (name) => `${root}.${name}`;
const seen = { events: [], decoded: {} };

const client = clientOf(await certificates(pki), encrypted("Basic256Sha256"));
await client.connect(url);
const session = await client.createSession(user);

async function children(nodeId) {
  const found = await session.browse({ nodeId, includeSubtypes: true, nodeClassMask: 0, resultMask: 63 });
  const hierarchical = ["i=47", "ns=0;i=47", "i=46", "ns=0;i=46"];
  return found.references.filter((one) => one.isForward && hierarchical.includes(one.referenceTypeId.toString()));
}

const plain = (value) => JSON.parse(JSON.stringify(value ?? null));

const FIELDS = [
  "EventType", "SourceName", "Message", "Severity", "Time", "3:ResultId", "3:IsPartial", "3:IsSimulated",
  "3:ResultState", "3:MeasId", "3:PartId", "3:ExternalRecipeId", "3:InternalRecipeId", "3:ProductId",
  "3:ExternalConfigurationId", "3:InternalConfigurationId", "3:JobId", "3:CreationTime", "3:ProcessingTimes",
  "3:ResultContent",
];

function listen(subscription, nodeId, fields, where, take) {
  const filter = constructEventFilter(fields, where);
  const item = ClientMonitoredItem.create(
    subscription,
    { nodeId, attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, discardOldest: true, queueSize: 1000, filter },
    TimestampsToReturn.Both,
  );
  item.on("changed", take);
  return new Promise((resolve, reject) => {
    item.on("initialized", resolve);
    item.on("err", (message) => reject(new Error(message)));
  });
}

try {
  seen.children = (await children(root)).map((one) => one.browseName.toString());
  seen.methods = [];
  for (const part of ["VisionStateMachine", "VisionStateMachine.AutomaticModeStateMachine", "RecipeManagement"]) {
    const below = await children(id(part));
    seen.methods.push(...below.filter((one) => one.nodeClass === 4).map((one) => one.browseName.name));
  }
  const state = async () => (await session.readVariableValue(id("VisionStateMachine.CurrentState"))).value.value.text;
  const below = async () =>
    (await session.readVariableValue(id("VisionStateMachine.AutomaticModeStateMachine.CurrentState"))).statusCode.name;
  seen.before = [await state(), await below()];

  const structureAt = async (name) => session.read({ nodeId: id(name), attributeId: AttributeIds.Value });
  const configuration = await structureAt("ConfigurationManagement.ActiveConfiguration");
  seen.decoded.configuration = configuration.value.value.constructor.name;
  seen.configuration = plain(configuration.value.value);
  seen.systemState = plain((await structureAt("SystemState")).value.value);

  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 20,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 1000,
    publishingEnabled: true,
    priority: 1,
  });
  const results = [];
  await listen(subscription, "i=2253", ["EventType", "3:JobId", "Transition.Number"], undefined, (fields) =>
    seen.events.push([fields[0].value.toString(), fields[1].value?.id ?? null, fields[2].value ?? null]),
  );
  await listen(subscription, root, FIELDS, ofType("ns=3;i=1024"), (fields) => results.push(fields));

  const call = async (owner, method, inputArguments) => {
    const answer = await session.call({ objectId: id(owner), methodId: id(`${owner}.${method}`), inputArguments });
    return { status: answer.statusCode.name, outputs: answer.outputArguments?.map((one) => one.value) };
  };
  const structure = async (dataType, fields) => ({
    dataType: DataType.ExtensionObject,
    value: await session.constructExtensionObject(opcua.resolveNodeId(`ns=3;i=${dataType}`), fields),
  });
  const machine = "VisionStateMachine";
  seen.automatic = await call(machine, "SelectModeAutomatic", []);
  const prepared = await call("RecipeManagement", "PrepareRecipe", [
    await structure(3002, { id: "can" }),
    await structure(3013, { id: "" }),
  ]);
  seen.prepared = { ...prepared, outputs: plain(prepared.outputs) };
  const started = await call(`${machine}.AutomaticModeStateMachine`, "StartSingleJob", [
    await structure(3015, { id: "meas 1" }),
    await structure(3004, { id: "part 1" }),
    await structure(3002, { id: "can" }),
    await structure(3003, { id: "" }),
    { dataType: DataType.Variant, arrayType: VariantArrayType.Array, value: [] },
  ]);
  seen.started = { ...started, outputs: plain(started.outputs) };
  await within(() => results.length === 1, "ResultReady", seen);
  const event = Object.fromEntries(FIELDS.map((name, place) => [name.replace("3:", ""), results[0][place]]));
  seen.missing = Object.keys(event).filter((name) => event[name].value === null || event[name].value === undefined);
  for (const [name, field] of Object.entries(event)) {
    if (field.dataType === DataType.ExtensionObject) seen.decoded[name] = field.value.constructor.name;
  }
  seen.result = Object.fromEntries(Object.entries(event).map(([name, field]) => [name, plain(field.value)]));
  seen.content = event.ResultContent.value.map((one) => [DataType[one.dataType], one.value]);
  await within(() => seen.events.some((one) => one[0] === "ns=3;i=1023"), "Ready", seen);

  const found = await call("ResultManagement", "GetResultById", [
    await structure(3021, { id: event.ResultId.value.id }),
    { dataType: DataType.Int32, value: 1000 },
  ]);
  seen.byId = { status: found.status, error: found.outputs.at(-1), type: found.outputs[1].constructor.name };
  seen.byIdPart = found.outputs[1].partId.id;
  seen.byIdContent = found.outputs[1].resultContent.slice(0, 2).map((one) => one.value);
  const folder_ = await structureAt("ResultManagement.Results.Result01");
  seen.folder = [folder_.value.value.constructor.name, folder_.value.value.jobId.id];
  await subscription.terminate();
} finally {
  await session.close();
  await client.disconnect();
}
tell(seen);
