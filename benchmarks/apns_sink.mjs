// A stand-in for APNs that takes every push: HTTP/2 over TLS, client certificate demanded. It
// answers frames by hand, without looking at what they hold, so that no client waits for it.
// Run: node apns_sink.mjs FOLDER; prints its port. Ends with its standard input.
import { readFileSync } from "node:fs";
import { createServer } from "node:tls";

const DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8; // RFC 9113 §6
const ACK = 1, END_STREAM = 1, END_HEADERS = 4;
const PREFACE_LENGTH = 24, HEAD_LENGTH = 9;
const GREETING = frame(SETTINGS, 0, 0, [0, 3, 0, 0, 1000 >> 8, 1000 & 255]); // 1,000 streams
const TAKEN = frame(HEADERS, END_HEADERS | END_STREAM, 0, [0x88]); // :status 200, RFC 7541 app. A

function frame(type, flags, stream, payload) {
  const bytes = Buffer.alloc(HEAD_LENGTH + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEAD_LENGTH);
  return bytes;
}

function serve(socket) {
  const answer = (type, flags, stream, payload) => {
    if (type === SETTINGS && !(flags & ACK)) socket.write(frame(SETTINGS, ACK, 0, []));
    if (type === PING && !(flags & ACK)) socket.write(frame(PING, ACK, 0, payload));
    if ((type === DATA || type === HEADERS) && flags & END_STREAM) finished.push(stream);
  };
  let finished = [];
  let rest = Buffer.alloc(0);
  let at = PREFACE_LENGTH;
  socket.on("data", (chunk) => {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    finished = [];
    let consumed = 0;
    while (rest.length >= at + HEAD_LENGTH) {
      const length = (rest[at] << 16) | (rest[at + 1] << 8) | rest[at + 2];
      const end = at + HEAD_LENGTH + length;
      if (rest.length < end) break;
      answer(rest[at + 3], rest[at + 4], rest.readUInt32BE(at + 5), rest.subarray(end - length, end));
      if (rest[at + 3] === DATA) consumed += length;
      at = end;
    }
    rest = rest.subarray(at);
    at = 0;
    const replies = Buffer.allocUnsafe(finished.length * TAKEN.length);
    finished.forEach((stream, place) => {
      replies.set(TAKEN, place * TAKEN.length);
      replies.writeUInt32BE(stream, place * TAKEN.length + 5);
    });
    if (replies.length) socket.write(replies);
    if (consumed) socket.write(frame(WINDOW_UPDATE, 0, 0, [0, 0, consumed >> 8, consumed & 255]));
  });
  socket.on("error", () => {});
  socket.setNoDelay(true);
  socket.write(GREETING);
}

const folder = process.argv[2];
const read = (name) => readFileSync(`${folder}/${name}`);
const options = {
  cert: read("server.pem"),
  key: read("server.key"),
  ca: read("authority.pem"),
  requestCert: true,
  rejectUnauthorized: true,
  ALPNProtocols: ["h2"],
};
const server = createServer(options, serve);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
