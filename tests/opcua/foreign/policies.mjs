// node-opcua over every security policy and mode, by name and password, by certificate, and without encryption.
// Usage: node policies.mjs opc.tcp://HOST:PORT/PATH STATION PKI_FOLDER USER_CERTIFICATE.pem USER_KEY.pem ;
// USER_NAME and USER_PASSWORD say who; NODE_OPCUA_DIR names the folder that has node_modules.
// What came of it goes to standard output as one JSON object: { "POLICY MODE": { "name": .., "certificate": .. }, .. }.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";

const folder = process.env.NODE_OPCUA_DIR ?? import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(path.join(folder, "node_modules", "x.js"));
const opcua = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { AttributeIds, MessageSecurityMode, OPCUAClient, SecurityPolicy, UserTokenType } = opcua;

const [, , url, station, pki, certificateFile, keyFile] = process.argv;
const pem = readFileSync(certificateFile, "utf-8");
const certificateData = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const privateKey = readFileSync(keyFile, "utf-8");
const identities = {
  name: { type: UserTokenType.UserName, userName: process.env.USER_NAME, password: process.env.USER_PASSWORD },
  wrong: { type: UserTokenType.UserName, userName: process.env.USER_NAME, password: "wrong" },
  certificate: { type: UserTokenType.Certificate, certificateData, privateKey },
};
const secured = [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss];
const choices = [[SecurityPolicy.None, MessageSecurityMode.None]];
for (const policy of secured) {
  choices.push([policy, MessageSecurityMode.Sign], [policy, MessageSecurityMode.SignAndEncrypt]);
}

const clientCertificateManager = new OPCUACertificateManager({
  rootFolder: pki,
  automaticallyAcceptUnknownCertificate: true,
});
await clientCertificateManager.initialize();

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
  const client = OPCUAClient.create({
    applicationName: "node client",
    applicationUri: "urn:node-client",
    clientCertificateManager,
    connectionStrategy: { maxRetry: 0 },
    endpointMustExist: true,
    securityMode,
    securityPolicy,
  });
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
process.stdout.write(`${JSON.stringify(seen)}\n`);
