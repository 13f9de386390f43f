/**
 * The server that browser pages come from: static files of one folder, with or without the two headers that make a
 * page cross-origin isolated (on every file, as worker scripts need them too), and the address to which a page posts
 * its result. What was asked for and is not there is noted, as a browser says next to nothing about it.
 */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface ServerOptions {
  /** Folder of the static files. */
  readonly folder: string;
  /** Files that exist only here, by path; they go before the folder's. */
  readonly pages: Readonly<Record<string, string>>;
  /** Sends COOP same-origin and COEP require-corp. */
  readonly isolated: boolean;
  readonly contentSecurityPolicy?: string | undefined;
}

export interface PageServer {
  readonly origin: string;
  /** The first thing that the page posted: its result as JSON, or a rejection with its error. */
  readonly result: Promise<string>;
  /** Paths that were answered with 404. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

export async function servePages(options: ServerOptions): Promise<PageServer> {
  const { promise: result, resolve, reject } = withResolvers<string>();
  const missing: string[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).replace(
      /\/$/,
      '/index.html',
    );
    if (request.method === 'POST') {
      const body = await text(request);
      response.writeHead(204).end();
      if (path === '/result') resolve(body);
      else reject(new Error(body));
      return;
    }
    const content = options.pages[path] ?? (await readOrUndefined(join(options.folder, normalize(path))));
    if (content === undefined) {
      missing.push(path);
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
      ...headers(options),
    });
    response.end(content);
  }

  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    result,
    missing,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function headers({ isolated, contentSecurityPolicy }: ServerOptions): Record<string, string> {
  return {
    'Cache-Control': 'no-store',
    ...(isolated && { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }),
    ...(contentSecurityPolicy && { 'Content-Security-Policy': contentSecurityPolicy }),
  };
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function readOrUndefined(file: string): Promise<Buffer | undefined> {
  return readFile(file).catch(() => undefined);
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let [resolve, reject]: [(value: T) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<T>((onValue, onError) => ([resolve, reject] = [onValue, onError]));
  promise.catch(() => undefined); // whoever waits gets the rejection; nobody may be waiting yet
  return { promise, resolve, reject };
}
