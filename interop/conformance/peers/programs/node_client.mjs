// One GET over HTTP/2; the content goes to standard output. Usage: node node_client.mjs URL
import { connect } from "node:http2";

const url = new URL(process.argv[2]);
const fail = (reason) => {
  console.error(String(reason));
  process.exit(1);
};
const session = connect(url.origin);
session.on("error", fail);
const request = session.request({ ":path": url.pathname });
const pieces = [];
let status = 0;
let ended = false;
request.on("response", (fields) => {
  status = fields[":status"];
});
request.on("data", (piece) => pieces.push(piece));
request.on("end", () => {
  ended = true;
});
request.on("error", fail);
request.on("close", () => {
  if (!ended || request.aborted || request.rstCode !== 0 || status === 0) {
    fail(`stream closed: status ${status}, code ${request.rstCode}, ended ${ended}, aborted ${request.aborted}`);
  }
  process.stdout.write(Buffer.concat(pieces), () => {
    session.close(() => process.exit(0));
    setTimeout(() => process.exit(0), 200).unref();
  });
});
request.end();
