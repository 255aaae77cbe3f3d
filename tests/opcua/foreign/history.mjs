// node-opcua reads the past: raw values by continuation points, and the ResultReady events; as one JSON object.
// Usage: node history.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER ; NODE_OPCUA_DIR names the folder that has
// node_modules.
// STALE_POINT (base64) is a continuation point of before a restart, FROM where that read had come to.
import process from "node:process";

import { certificates, clientOf, opcua, tell } from "./session.mjs";

const { HistoryReadRequest, ReadEventDetails, ReadRawModifiedDetails, TimestampsToReturn } = opcua;
const { AttributeIds, DataType } = opcua;

const [, , url, station, pki] = process.argv;
const START = new Date("2026-03-01T11:00:00Z");
const END = new Date("2026-03-01T13:00:00Z");
const seen = {};

const client = clientOf(await certificates(pki));
await client.connect(url);
const session = await client.createSession();

async function historyRead(nodeId, historyReadDetails, continuationPoint, releaseContinuationPoints = false) {
  const response = await session.historyRead(
    new HistoryReadRequest({
      historyReadDetails,
      nodesToRead: [{ nodeId, continuationPoint }],
      releaseContinuationPoints,
      timestampsToReturn: TimestampsToReturn.Both,
    }),
  );
  return response.results[0];
}

function raw(startTime, endTime, numValuesPerNode, returnBounds = false) {
  return new ReadRawModifiedDetails({ isReadModified: false, startTime, endTime, numValuesPerNode, returnBounds });
}

const name = (value) => value.statusCode.name;
const plain = (value) => [value.value.value, value.sourceTimestamp.toISOString(), name(value)];

async function pages(nodeId, details) {
  const found = [];
  let point;
  do {
    const result = await historyRead(nodeId, details, point);
    found.push((result.historyData.dataValues ?? []).map(plain));
    point = result.continuationPoint;
  } while (point?.length);
  return found;
}

async function events(nodeId) {
  const base = ["EventId", "EventType", "SourceName", "Time", "Message", "3:IsSimulated", "3:ResultState"];
  const filter = opcua.constructEventFilter([...base, "3:JobId", "3:PartId", "3:ProcessingTimes"], []);
  filter.whereClause = new opcua.ContentFilter({
    elements: [
      {
        filterOperator: opcua.FilterOperator.OfType,
        filterOperands: [
          new opcua.LiteralOperand({ value: { dataType: DataType.NodeId, value: opcua.coerceNodeId("ns=3;i=1024") } }),
        ],
      },
    ],
  });
  const details = new ReadEventDetails({ numValuesPerNode: 0, startTime: START, endTime: END, filter });
  const result = await historyRead(nodeId, details);
  const found = result.historyData.events.map((event) => event.eventFields.map((field) => field.value));
  for (const fields of found) {
    for (const place of [7, 8, 9]) fields[place] = await structure(fields[place]);
    fields[0] = fields[0].toString("hex");
    fields[1] = fields[1].toString();
    fields[4] = fields[4].text;
  }
  return { status: name(result), events: found };
}

async function structure(value) {
  const data = { value: new opcua.Variant({ dataType: DataType.ExtensionObject, value }) };
  await opcua.promoteOpaqueStructure(session, [data]);
  return { type: data.value.value.constructor.name, id: data.value.value.id ?? null };
}

try {
  const verdict = `ns=2;s=${station}.status.verdict`;
  const seq = `ns=2;s=${station}.status.result_seq`;
  seen.verdicts = await pages(verdict, raw(START, END, 0));
  seen.pages = await pages(seq, raw(START, END, 2));
  seen.backward = await pages(seq, raw(END, START, 2));
  seen.bounds = await pages(seq, raw(START, END, 0, true));
  seen.tail = await pages(seq, raw(undefined, END, 2));

  const first = await historyRead(seq, raw(START, END, 2));
  seen.point = first.continuationPoint.toString("base64");
  const other = await historyRead(seq, raw(START, END, 2));
  seen.released = name(await historyRead(seq, raw(START, END, 2), other.continuationPoint, true));
  seen.gone = name(await historyRead(seq, raw(START, END, 2), other.continuationPoint));
  if (process.env.STALE_POINT) {
    const stale = Buffer.from(process.env.STALE_POINT, "base64");
    seen.stale = name(await historyRead(seq, raw(START, END, 2), stale));
    seen.resumed = await pages(seq, raw(new Date(process.env.FROM), END, 2));
  }
  seen.unsupported = name(await historyRead(`ns=2;s=${station}.status.heartbeat`, raw(START, END, 0)));
  seen.unknown = name(await historyRead(`ns=2;s=${station}.status.nothing`, raw(START, END, 0)));
  const historizing = { nodeId: verdict, attributeId: AttributeIds.Historizing };
  seen.historizing = (await session.read(historizing)).value.value;
  const told = await opcua.readHistoryServerCapabilities(session);
  seen.capabilities = Object.fromEntries(Object.entries(told).map(([key, one]) => [key, one?.value ?? one]));
  seen.vision = await events(`ns=2;s=${station}.vision`);
  seen.server = await events("ns=0;i=2253");
} finally {
  await session.close();
  await client.disconnect();
}
tell(seen);
