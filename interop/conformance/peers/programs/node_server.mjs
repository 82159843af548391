// GET is answered with a known content, POST with its own, after the whole request. Usage: node node_server.mjs PORT
import { createServer } from "node:http2";

const KNOWN_BODY = Buffer.from("A known body, the same for every request.\n");

const server = createServer((request, response) => {
  const pieces = [];
  request.on("error", () => {});
  response.on("error", () => {});
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const hasContent = ["POST", "PUT", "PATCH"].includes(request.method);
    const content = hasContent ? Buffer.concat(pieces) : KNOWN_BODY;
    response.writeHead(200, { "content-type": "text/plain", "content-length": content.length });
    response.end(request.method === "HEAD" ? undefined : content);
  });
});
server.on("sessionError", () => {});
server.listen(Number(process.argv[2]), "127.0.0.1");
