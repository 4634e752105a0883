// Pushes with node's own HTTP/2 client: for every line on stdin (seconds to work) a line of JSON.
// Run: node apns_node.mjs FOLDER PORT TOPIC IN_FLIGHT
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { createInterface } from "node:readline";

const [folder, port, topic, inFlight] = process.argv.slice(2);
const read = (name) => readFileSync(`${folder}/${name}`);
const session = connect(`https://127.0.0.1:${port}`, {
  ca: read("server.pem"),
  cert: read("certificate.pem"),
  key: read("key.pem"),
});
const headers = {
  ":method": "POST",
  "apns-topic": topic,
  "apns-push-type": "background",
  "apns-priority": "5",
  "apns-expiration": String(Math.floor(Date.now() / 1000) + 7 * 86400),
};
let token = 0;

const push = () =>
  new Promise((resolve, reject) => {
    const path = `/3/device/${(token++).toString(16).padStart(64, "0")}`;
    const request = session.request({ ...headers, ":path": path });
    let status;
    let body = "";
    request.setEncoding("utf8");
    request.on("response", (answer) => (status = answer[":status"]));
    request.on("data", (chunk) => (body += chunk));
    request.on("error", reject);
    request.on("end", () => (status === 200 ? resolve() : reject(new Error(`${status} ${body}`))));
    request.end("{}");
  });

const work = async (seconds) => {
  const end = performance.now() + seconds * 1000;
  let count = 0;
  const lane = async () => {
    while (performance.now() < end) {
      await push();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, lane));
  return count;
};

for await (const line of createInterface({ input: process.stdin })) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const count = await work(Number(line));
  const { user, system } = process.cpuUsage(cpu);
  const wall_s = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ count, cpu_s: (user + system) / 1e6, wall_s }));
}
session.close();
