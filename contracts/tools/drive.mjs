// A Google Drive of this machine, for tests: says its port, and serves until it is stopped.
// Google's Python client ends the lines of a multipart body with LF, which Google takes and the mock does not.
import http from "node:http";
import mock from "google-drive-mock";

const inner = mock.createApp().listen(0, "127.0.0.1");

async function forward(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  let body = Buffer.concat(parts);
  if ((request.headers["content-type"] ?? "").startsWith("multipart/")) {
    body = Buffer.from(body.toString("latin1").replace(/\r?\n/g, "\r\n"), "latin1");
  }
  const { method, url: path } = request;
  const headers = { ...request.headers, "content-length": body.length };
  const outgoing = http.request({ port: inner.address().port, host: "127.0.0.1", method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  outgoing.end(body);
}

const outer = http.createServer(forward).listen(0, "127.0.0.1", () => {
  console.log(`Drive listens on ${outer.address().port}`);
});
