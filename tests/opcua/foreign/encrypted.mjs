// node-opcua over Basic256Sha256 SignAndEncrypt, logged in by name and password: read, write, call Inspect.
// Usage: node encrypted.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER ; USER_NAME and USER_PASSWORD say who;
// NODE_OPCUA_DIR names the folder that has node_modules. What it saw goes to standard output as one JSON object.
import process from "node:process";

import { certificates, clientOf, encrypted, opcua, tell } from "./session.mjs";

const { AttributeIds, DataType, UserTokenType } = opcua;

const [, , url, station, pki] = process.argv;
const id = (name) => `ns=2;s=${station}.${name}`;
const seen = {};

const client = clientOf(await certificates(pki), encrypted("Basic256Sha256"));
await client.connect(url);

async function login(userName, password) {
  return client.createSession({ type: UserTokenType.UserName, userName, password });
}

try {
  try {
    await login(process.env.USER_NAME, "wrong");
    seen.wrong = "let in";
  } catch (error) {
    seen.wrong = /BadUserAccessDenied/.test(error.message) ? "BadUserAccessDenied" : error.message;
  }
  const session = await login(process.env.USER_NAME, process.env.USER_PASSWORD);
  try {
    const values = await session.read(
      ["status.map_signature", "status.ready"].map((name) => ({ nodeId: id(name), attributeId: AttributeIds.Value })),
    );
    seen.read = values.map((one) => one.value.value);
    const write = (name, dataType, value) => ({
      nodeId: id(name),
      attributeId: AttributeIds.Value,
      value: { value: { dataType, value } },
    });
    seen.written = (
      await session.write([write("control.trigger_seq", DataType.UInt16, 0), write("control.reset", DataType.Boolean, true)])
    ).map((one) => one.name);
    const answer = await session.call({
      objectId: `ns=2;s=${station}`,
      methodId: id("Inspect"),
      inputArguments: [
        { dataType: DataType.String, value: "node-secret" },
        { dataType: DataType.UInt16, value: 0 },
        { dataType: DataType.UInt32, value: 1000 },
      ],
    });
    seen.call = answer.statusCode.name;
    seen.verdict = answer.outputArguments[0].value;
    seen.part = (await session.readVariableValue(id("status.result_part_id"))).value.value;
  } finally {
    await session.close();
  }
} finally {
  await client.disconnect();
}
tell(seen);
