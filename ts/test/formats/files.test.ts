import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { memoryBytes } from '../../src/formats/bytes.ts';
import { Spool } from '../../src/formats/files.ts';

describe('Spool', () => {
  const piece = fc.uint8Array({ maxLength: 20 });

  test('gives back what was appended, in memory and through a file', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.nat({ max: 150 }),
        fc.nat({ max: 200 }),
        (pieces, limit, expected) => {
          const spool = new Spool(limit, expected);
          for (const each of pieces) spool.append(each);
          const bytes = spool.bytes();
          const back = new Uint8Array(bytes.size);
          bytes.read(0, back);
          bytes.close();
          expect(Buffer.concat(pieces).equals(back)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('puts pieces in any order', () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(pieces, fc.nat({ max: 100 }), fc.infiniteStream(fc.nat()), (parts, limit, order) => {
        const ranked = parts.map((part, i) => ({ part, i, rank: order.next().value as number }));
        const spool = new Spool(limit);
        for (const { part, i } of ranked.sort((a, b) => a.rank - b.rank)) spool.put(4 * i, part);
        const bytes = spool.bytes();
        const back = new Uint8Array(bytes.size);
        bytes.read(0, back);
        bytes.close();
        expect(Buffer.concat(parts).equals(back)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('leaves no name behind', () => {
    const directory = mkdtempSync(join(tmpdir(), 'entmax-bytes-'));
    vi.stubEnv('TMPDIR', directory);
    const spool = new Spool(0);
    spool.append(new Uint8Array(100));
    expect(readdirSync(directory)).toEqual([]);
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
    spool.bytes().close();
  });
});

test('bytes that end too early are an error that says so', () => {
  expect(() => memoryBytes(new Uint8Array(5)).read(2, new Uint8Array(4))).toThrow(
    'expected 6 bytes, got the end of the data after 5',
  );
  const spool = new Spool(0);
  spool.append(new Uint8Array(5));
  const bytes = spool.bytes();
  expect(() => bytes.read(2, new Uint8Array(4))).toThrow('expected 6 bytes, got the end of the data after 5');
  bytes.close();
});
