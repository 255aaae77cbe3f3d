// One session of node-opcua against one station; what it saw goes to standard output as one JSON object.
// Usage: node client.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER ; NODE_OPCUA_DIR names the folder that has
// node_modules.
import process from "node:process";

import { certificates, clientOf, opcua, tell, within } from "./session.mjs";

const { AttributeIds, BrowseDirection, ClientMonitoredItem, DataType, TimestampsToReturn } = opcua;

const [, , url, station, pki] = process.argv;
const id = (name) => `ns=2;s=${station}.${name}`;
const seen = {};

function write(name, dataType, value, more = {}) {
  return { nodeId: id(name), attributeId: AttributeIds.Value, value: { value: { dataType, value, ...more } } };
}

const client = clientOf(await certificates(pki));
await client.connect(url);
seen.endpoints = (await client.getEndpoints()).map((one) => one.endpointUrl);
const session = await client.createSession();
try {
  const browsed = await session.browse({
    nodeId: id("status"),
    browseDirection: BrowseDirection.Forward,
    includeSubtypes: true,
    nodeClassMask: 0,
    resultMask: 63,
  });
  seen.status = browsed.references.filter((one) => one.nodeClass === 2).map((one) => one.browseName.name);

  const values = await session.read(
    ["status.map_signature", "status.test_float32", "status.test_string", "status.test_uint32", "status.online"].map(
      (name) => ({ nodeId: id(name), attributeId: AttributeIds.Value }),
    ),
  );
  seen.read = values.map((one) => one.value.value);
  const unit = await session.readVariableValue(id("status.total_time_ms.EngineeringUnits"));
  seen.unit = unit.value.value.displayName.text;
  const meanings = await session.readVariableValue(id("status.verdict.EnumValues"));
  seen.meanings = meanings.value.value.map((one) => one.displayName.text);

  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 20,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 1000,
    publishingEnabled: true,
    priority: 1,
  });
  const changes = [];
  const monitored = ClientMonitoredItem.create(
    subscription,
    { nodeId: id("status.result_seq"), attributeId: AttributeIds.Value },
    { samplingInterval: 0, discardOldest: true, queueSize: 10 },
    TimestampsToReturn.Both,
  );
  monitored.on("changed", (value) => changes.push(value.value.value));
  await within(() => changes.length === 1, "first notification", seen);

  const writes = [write("control.part_id", DataType.String, "node-1"), write("control.trigger", DataType.Boolean, true)];
  seen.written = (await session.write(writes)).map((one) => one.name);
  seen.accepted = (await session.readVariableValue(id("status.trigger_ack"))).value.value;
  await within(() => changes.length === 2, "the result's notification", seen);
  seen.changes = [...changes];
  seen.verdict = (await session.readVariableValue(id("status.verdict"))).value.value;
  seen.part = (await session.readVariableValue(id("status.result_part_id"))).value.value;
  seen.refused = (
    await session.write([
      write("status.verdict", DataType.UInt16, 1),
      write("control.trigger_seq", DataType.UInt32, 1),
      write("control.trigger", DataType.Boolean, false),
    ])
  ).map((one) => one.name);

  const call = (inputArguments) =>
    session.call({ objectId: `ns=2;s=${station}`, methodId: id("Inspect"), inputArguments });
  const good = await call([
    { dataType: DataType.String, value: "node-2" },
    { dataType: DataType.UInt16, value: 0 },
    { dataType: DataType.UInt32, value: 1000 },
  ]);
  seen.call = good.statusCode.name;
  seen.outputs = good.outputArguments.map((one) => one.value);
  seen.missing = (await call([])).statusCode.name;
  seen.arguments = (await session.getArgumentDefinition(id("Inspect"))).inputArguments.map((one) => one.name);
  await subscription.terminate();
} finally {
  await session.close();
  await client.disconnect();
}
tell(seen);
