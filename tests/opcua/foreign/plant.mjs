// A SCADA system's day, by node-opcua: encrypted and logged in by name; prepares a recipe, runs a job, takes ResultReady
// with all its fields, reads the result by its id, and the last hour's history.
// Usage: node plant.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER [RESULT_ID] ; with RESULT_ID it runs no job but
// reads that result and the history; USER_NAME and USER_PASSWORD say who; NODE_OPCUA_DIR names the folder that has
// node_modules. What it saw goes to standard output as one JSON object; a refused connection is told as `refused`.
import process from "node:process";

import { certificates, clientOf, encrypted, opcua, tell, user, within } from "./session.mjs";

const { AttributeIds, ClientMonitoredItem, DataType, TimestampsToReturn, VariantArrayType } = opcua;

const [, , url, station, pki, resultId] = process.argv;
const id = (name) => `ns=2;s=${station}.${name}`;
const plain = (value) => JSON.parse(JSON.stringify(value ?? null));
const seen = {};

const FIELDS = [
  "3:ResultId", "3:IsPartial", "3:IsSimulated", "3:ResultState", "3:MeasId", "3:PartId", "3:ExternalRecipeId",
  "3:InternalRecipeId", "3:ProductId", "3:ExternalConfigurationId", "3:InternalConfigurationId", "3:JobId",
  "3:CreationTime", "3:ProcessingTimes", "3:ResultContent",
];

async function connect() {
  const client = clientOf(await certificates(pki), encrypted("Aes256_Sha256_RsaPss"), "plant client");
  await client.connect(url);
  return client;
}

async function runJob(session) {
  const call = async (owner, method, inputArguments) => {
    const answer = await session.call({ objectId: id(owner), methodId: id(`${owner}.${method}`), inputArguments });
    return [answer.statusCode.name, ...(answer.outputArguments ?? []).map((one) => plain(one.value))];
  };
  const structure = async (dataType, fields) => ({
    dataType: DataType.ExtensionObject,
    value: await session.constructExtensionObject(opcua.resolveNodeId(`ns=3;i=${dataType}`), fields),
  });
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 20,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const filter = opcua.constructEventFilter(FIELDS, opcua.ofType("ns=3;i=1024"));
  const item = ClientMonitoredItem.create(
    subscription,
    { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, discardOldest: true, queueSize: 100, filter },
    TimestampsToReturn.Both,
  );
  const events = [];
  item.on("changed", (fields) => events.push(fields));
  await new Promise((resolve) => item.on("initialized", resolve));
  const machine = "vision.VisionStateMachine";
  seen.automatic = await call(machine, "SelectModeAutomatic", []);
  seen.prepared = await call("vision.RecipeManagement", "PrepareRecipe", [
    await structure(3002, { id: "second" }),
    await structure(3013, { id: "" }),
  ]);
  seen.started = await call(`${machine}.AutomaticModeStateMachine`, "StartSingleJob", [
    await structure(3015, { id: "measurement 7" }),
    await structure(3004, { id: "bottle 42" }),
    await structure(3002, { id: "second" }),
    await structure(3003, { id: "bottle" }),
    { dataType: DataType.Variant, arrayType: VariantArrayType.Array, value: [] },
  ]);
  await within(() => events.length > 0, "ResultReady", seen);
  const [fields] = events;
  seen.event = Object.fromEntries(FIELDS.map((name, place) => [name.slice(2), plain(fields[place].value)]));
  await subscription.terminate();
  return seen.event.ResultId.id;
}

async function readBack(session, wanted) {
  const owner = "vision.ResultManagement";
  const answer = await session.call({
    objectId: id(owner),
    methodId: id(`${owner}.GetResultById`),
    inputArguments: [
      {
        dataType: DataType.ExtensionObject,
        value: await session.constructExtensionObject(opcua.resolveNodeId("ns=3;i=3021"), { id: wanted }),
      },
      { dataType: DataType.Int32, value: 5000 },
    ],
  });
  seen.byId = [answer.statusCode.name, ...answer.outputArguments.map((one) => plain(one.value))];
  const end = new Date(Date.now() + 1000);
  const start = new Date(end.getTime() - 3600 * 1000);
  seen.history = {};
  for (const tag of ["verdict", "result_part_id", "count_triggers"]) {
    const result = await session.readHistoryValue(id(`status.${tag}`), start, end);
    const found = result.historyData.dataValues.filter((one) => one.statusCode.isGood()); // the others are bounds
    seen.history[tag] = [result.statusCode.name, found.map((one) => one.value.value)];
  }
}

let client;
try {
  client = await connect();
} catch (error) {
  seen.refused = error.message;
}
if (client) {
  try {
    const session = await client.createSession(user);
    try {
      await readBack(session, resultId ?? (await runJob(session)));
    } finally {
      await session.close();
    }
  } finally {
    await client.disconnect();
  }
}
tell(seen);
