/** The caller's side of the gate, without workers. */

import { expect, test } from 'vitest';
import { CONTROL_BYTES, GATE } from '../../src/runtime/control.ts';
import { Gate } from '../../src/runtime/gate.ts';
import { memory } from '../../src/runtime/runtime.ts';
import { fixtureJob, soundFamily } from './fixture-jobs.ts';

const control = memory().allocate(CONTROL_BYTES, 'test');
memory().u8(control, CONTROL_BYTES).fill(0);
const gate = new Gate(memory(), control);
const { job } = fixtureJob(soundFamily(), 'square_rows', 1000);
const module = job.family.module(memory());

test('rows are claimed in chunks, once each, and the last chunk ends with the rows', () => {
  gate.open(job, module, 300, 0, false);
  const claims = [1, 2, 3, 4, 5].map(() => gate.claim(job.rows, 300));
  expect(claims).toEqual([
    { first: 0, last: 300 },
    { first: 300, last: 600 },
    { first: 600, last: 900 },
    { first: 900, last: 1000 },
    undefined,
  ]);
  expect(gate.allClaimed(job.rows)).toBe(true);
  gate.close();
});

test('the first status other than zero counts, and the next job begins with zero', () => {
  gate.open(job, module, 300, 0, false);
  for (const status of [0, 3, 2, 0]) gate.finish(status, 250);
  expect([gate.status, gate.doneRows]).toEqual([3, 1000]);
  gate.close();
  gate.open(job, module, 300, 0, false);
  expect([gate.status, gate.doneRows, gate.allClaimed(job.rows)]).toEqual([0, 0, false]);
  gate.claimAll(job.rows);
  expect(gate.claim(job.rows, 300)).toBeUndefined();
  gate.close();
});

test('nobody is waited for when nobody is inside', () => {
  gate.open(job, module, 300, 0, false);
  gate.close();
  expect(gate.waitUntilEmpty(0)).toBe(true);
  expect([gate.holds(1), gate.takeTrap(1), gate.chunksOf(1)]).toEqual([false, undefined, 0]);
});

test('more jobs than the sequence number can count leave the flags and the count of workers alone', () => {
  const word = (): number => memory().i32(control, 1)[GATE] ?? -1;
  for (let round = 0; round < 2 ** 22 + 10; round++) {
    const before = gate.sequence;
    gate.open(job, module, 300, 0, false);
    if (gate.sequence === before || word() < 0 || (word() & 511) !== 0) throw new Error(`${word()} in round ${round}`);
    gate.close();
    if ((word() & 511) !== 256) throw new Error(`${word()} in round ${round}`);
  }
  expect(gate.sequence).toBeLessThan(20);
});
