// SPDX-License-Identifier: Apache-2.0
// Node.js at work: worker threads with shared memory, timers, streams, cryptography, files, WebAssembly.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const fs = require('fs');
const stream = require('stream');
const zlib = require('zlib');

if (!isMainThread) {
  const counter = new Int32Array(workerData.shared);
  for (let i = 0; i < 10000; i++) Atomics.add(counter, 0, 1);
  let sum = 0;
  for (let i = 0; i < 300000; i++) sum = (sum * 31 + i * workerData.number) % 1000003;
  parentPort.postMessage({ number: workerData.number, sum });
} else {
  main().then(() => console.log('end'));
}

async function main() {
  const shared = new SharedArrayBuffer(4);
  const answers = await Promise.all([1, 2, 3, 4].map(number => new Promise((done, fail) => {
    const worker = new Worker(__filename, { workerData: { number, shared } });
    worker.on('message', done);
    worker.on('error', fail);
  })));
  for (const answer of answers) console.log('worker', answer.number, answer.sum);
  console.log('counted together:', new Int32Array(shared)[0]);

  const order = [];
  setImmediate(() => order.push('immediate'));
  process.nextTick(() => order.push('tick'));
  await new Promise(done => setTimeout(done, 20));
  console.log(order.join(' '));

  console.log(crypto.createHash('sha256').update('Vorteil').digest('hex'));
  const key = await new Promise((done, fail) =>
    crypto.pbkdf2('secret', 'salt', 1000, 32, 'sha512', (error, key) => error ? fail(error) : done(key)));
  console.log(key.toString('hex'));

  const packed = [];
  await stream.promises.pipeline(
    stream.Readable.from((function* () { for (let i = 0; i < 1000; i++) yield `line ${i}\n`; })()),
    zlib.createGzip(),
    async function (source) { for await (const chunk of source) packed.push(chunk); });
  console.log('unpacked again:', zlib.gunzipSync(Buffer.concat(packed)).toString().split('\n').length);

  await fs.promises.writeFile('/tmp/vorteil-node-test', 'content of a file');
  console.log(await fs.promises.readFile('/tmp/vorteil-node-test', 'utf8'));
  await fs.promises.unlink('/tmp/vorteil-node-test');

  // (func (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  const module = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3,
    97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
  const { instance } = await WebAssembly.instantiate(module);
  console.log('WebAssembly:', instance.exports.add(40, 2));
  try { null.property } catch (error) { console.log(error.constructor.name) }
}
