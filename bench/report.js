/** What the person at the terminal sees: a table per suite, then the goals. */

import { nanosecondsPerElement, ratio } from './run-suite.js';
import { plainTable } from './table.js';

/** Everything is compared with the call that users of large inputs should make. */
const BASE = 'tensor-1';

const SCORES = { normal: 'scores N(0,1)', llm: 'scores as of a language model' };

/** @param {import('./run-suite.js').SuiteResult} result */
export function suiteTable(result) {
  const { suite, meanSupport, engines } = result;
  const table = plainTable(['', 'threads', 'ns/element', 'GB/s', 'time / ours', 'error'], 1);
  for (const [id, { label, threads, error }] of Object.entries(engines)) {
    const time = nanosecondsPerElement(result, id);
    const gigabytes = BYTES_PER_ELEMENT / time.median;
    const times = engines[BASE] ? spread(ratio(result, id, BASE)) : '';
    table.push([label, threads, spread(time), digits(gigabytes), times, error.toExponential(0)]);
  }
  const { map, rows, n, scores } = suite;
  const rounds = Object.values(engines)[0].timing.rounds.length;
  const heading = `${map}, ${rows} x ${n}, ${SCORES[scores]}, mean support ${digits(meanSupport)}, ${rounds} rounds`;
  return `${heading}\n${table}\n`;
}

/** Every element is read once and written once; what stays in the caches in between is not counted. */
const BYTES_PER_ELEMENT = 8;

/** @param {ReturnType<typeof import('./goals.js').judge>} verdicts */
export function goalsTable(verdicts) {
  const table = plainTable(['', 'ratio', 'goal', 'measured', ''], 2);
  for (const { suite, says, goal, figure, met } of verdicts) {
    table.push([suite, says, goal, spread(figure), met ? 'met' : 'missed']);
  }
  const met = verdicts.filter((verdict) => verdict.met).length;
  return `goals (Tensors, Node 20; this is Node ${process.versions.node}): ${met} of ${verdicts.length} met\n${table}\n`;
}

/** @param {ReturnType<typeof import('./record.js').describeMachine>} machine */
export function machineLine({ cpu, cores, os, load }) {
  const busy = load > 0.5 ? `; load ${digits(load)}: other work is running, the spread will show it` : '';
  return `${cpu}, ${cores} cores, ${os}, Node ${process.versions.node}${busy}`;
}

/** Median, and the quartiles in brackets. */
function spread({ median, q1, q3 }) {
  return `${digits(median)} [${digits(q1)}, ${digits(q3)}]`;
}

/** Three digits that count. */
function digits(value) {
  return value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
