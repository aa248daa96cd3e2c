// Downloads one URL with Node, as a plain user of it would.
//
//     node node_client.mjs http|fetch URL PROXY FILE
//
// http: the http module with an absolute-form target, and CONNECT for https. fetch: the built-in fetch, which takes its
// proxy from the environment where this Node can (--use-env-proxy), else from undici's ProxyAgent. Certificates come from
// NODE_EXTRA_CA_CERTS. Exit status 0 means a complete 200.
import { createWriteStream } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const [way, address, proxyAddress, file] = process.argv.slice(2);
const url = new URL(address);
const proxy = new URL(proxyAddress);

function answerTo(request) {
  return new Promise((resolve, reject) => request.on('response', resolve).on('error', reject).end());
}

function tunnel() {
  return new Promise((resolve, reject) => {
    const path = `${url.hostname}:${url.port}`;
    http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path, headers: { Host: path } })
      .on('connect', (answer, socket) =>
        answer.statusCode === 200 ? resolve(socket) : reject(new Error(`CONNECT: ${answer.statusCode}`)))
      .on('error', reject)
      .end();
  });
}

async function byHttp() {
  const answer = url.protocol === 'https:'
    ? await answerTo(https.request(url, { socket: await tunnel(), agent: false, servername: url.hostname }))
    : await answerTo(
      http.request({ host: proxy.hostname, port: proxy.port, path: address, headers: { Host: url.host } }));
  return [answer.statusCode, answer];
}

async function byFetch() {
  if (!process.execArgv.includes('--use-env-proxy')) {
    const { ProxyAgent, setGlobalDispatcher } = createRequire(import.meta.url)('undici');
    setGlobalDispatcher(new ProxyAgent(proxyAddress));
  }
  const answer = await fetch(url);
  return [answer.status, Readable.fromWeb(answer.body)];
}

const [status, body] = await (way === 'fetch' ? byFetch() : byHttp());
if (status !== 200) throw new Error(`status ${status}`);
await pipeline(body, createWriteStream(file));
process.exit(0); // a tunnel kept open would hold the process
