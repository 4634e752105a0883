// Issues passes with passkit-generator: for every line on stdin (seconds to work) one line of JSON.
import { readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { PKPass } from "passkit-generator";

const folder = process.argv[2];
const read = (name) => readFileSync(`${folder}/${name}`);
const pictures = Object.fromEntries(
  readdirSync(folder).filter((name) => name.endsWith(".png")).map((name) => [name, read(name)]),
);
const document = read("pass.json");
const certificates = {
  wwdr: read("intermediate.pem"),
  signerCert: read("certificate.pem"),
  signerKey: read("key.pem"),
};
let serial = 0;

const issue = () =>
  new PKPass({ ...pictures, "pass.json": document }, certificates, {
    serialNumber: String(serial++).padStart(22, "0"),
  }).getAsBuffer();

for await (const line of createInterface({ input: process.stdin })) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < Number(line) * 1000) {
    issue();
    count += 1;
  }
  const { user, system } = process.cpuUsage(cpu);
  const wall_s = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ count, cpu_s: (user + system) / 1e6, wall_s }));
}
