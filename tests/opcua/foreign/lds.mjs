// A Local Discovery Server by node-opcua; one JSON object a line for each thing that happens to it.
// Usage: node lds.mjs PORT FOLDER ; certificates are kept in FOLDER. Ends when its standard input does.
import process from "node:process";

import { certificates, require, tell } from "./session.mjs";

const { OPCUADiscoveryServer } = require("node-opcua-server-discovery");

const [, , port, rootFolder] = process.argv;

const serverCertificateManager = await certificates(rootFolder, false);
const server = new OPCUADiscoveryServer({ port: Number(port), serverCertificateManager });
const about = (one) => ({
  uri: one.serverUri,
  names: one.serverNames.map((name) => name.text),
  urls: one.discoveryUrls,
});
server.on("onRegisterServer", (one, first) => tell({ event: "registered", first, ...about(one) }));
server.on("onUnregisterServer", (one, forced) => tell({ event: "unregistered", forced, ...about(one) }));
server.on("onRegistrationRefused", (one, info) => tell({ event: "refused", code: info.statusCode.toString() }));
await server.start();
tell({ event: "ready" });
process.stdin.resume();
process.stdin.on("end", async () => {
  await server.shutdown();
  process.exit(0);
});
