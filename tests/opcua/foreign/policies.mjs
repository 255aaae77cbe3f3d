// node-opcua over every security policy and mode, by name and password, by certificate, and without encryption.
// Usage: node policies.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER USER_CERTIFICATE.pem USER_KEY.pem ;
// USER_NAME and USER_PASSWORD say who; NODE_OPCUA_DIR names the folder that has node_modules.
// What came of it goes to standard output as one JSON object: { "POLICY MODE": { "name": .., "certificate": .. }, .. }.
import { readFileSync } from "node:fs";
import process from "node:process";

import { certificates, clientOf, opcua, tell, user } from "./session.mjs";

const { AttributeIds, MessageSecurityMode, SecurityPolicy, UserTokenType } = opcua;

const [, , url, station, pki, certificateFile, keyFile] = process.argv;
const pem = readFileSync(certificateFile, "utf-8");
const certificateData = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const privateKey = readFileSync(keyFile, "utf-8");
const identities = {
  name: user,
  wrong: { ...user, password: "wrong" },
  certificate: { type: UserTokenType.Certificate, certificateData, privateKey },
};
const secured = [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss];
const choices = [[SecurityPolicy.None, MessageSecurityMode.None]];
for (const policy of secured) {
  choices.push([policy, MessageSecurityMode.Sign], [policy, MessageSecurityMode.SignAndEncrypt]);
}

const known = await certificates(pki);

async function reads(client, identity) {
  const session = await client.createSession(identity);
  try {
    const nodeId = `ns=2;s=${station}.status.map_signature`;
    return (await session.read({ nodeId, attributeId: AttributeIds.Value })).value.value;
  } finally {
    await session.close();
  }
}

async function tried(client, identity) {
  try {
    return await reads(client, identity);
  } catch (error) {
    return /Bad\w+/.exec(error.message)?.[0] ?? error.message;
  }
}

const seen = {};
for (const [securityPolicy, securityMode] of choices) {
  const client = clientOf(known, { securityMode, securityPolicy });
  const results = {};
  try {
    await client.connect(url);
    for (const [kind, identity] of Object.entries(identities)) {
      results[kind] = await tried(client, identity);
    }
  } catch (error) {
    results.connect = error.message;
  } finally {
    await client.disconnect();
  }
  seen[`${securityPolicy.split("#")[1]} ${MessageSecurityMode[securityMode]}`] = results;
}
tell(seen);
