/** What the person at the terminal sees: a table per suite, then the goals. */

import { elementsOf, nanosecondsPerElement, ratio } from './run-suite.js';
import { INPUTS } from './attention/inputs.js';
import { KINDS as REGULARISED_KINDS } from './regularised/inputs.js';
import { SCORES } from './scores.js';
import { KINDS } from './structured/inputs.js';
import { plainTable } from './table.js';

/** @param {import('./run-suite.js').SuiteResult} result */
export function suiteTable(result) {
  const { suite, entries } = result;
  if (Object.values(entries).every(({ timing }) => timing === undefined)) return errors(result);
  if (suite.data === 'structured' || suite.data === 'graph') return problemTable(result);
  return suite.compact ? line(result) : table(result);
}

/** The errors of everybody, where nothing was timed. */
function errors({ suite, entries }) {
  return `${suite.name}: ${Object.entries(entries)
    .map(([id, { error }]) => `${id} ${error.toExponential(0)}`)
    .join(', ')}`;
}

/** What the scores are called; those of maps where nothing is said. */
const KINDS_OF = { heads: INPUTS, training: INPUTS, regularised: REGULARISED_KINDS };

function table(result) {
  const { suite, support, entries, absent } = result;
  const base = suite.entries[0].id;
  // What attention and the regularised maps read and write says little, and their entries have supports of their own.
  const hasSupports = suite.data !== undefined;
  const third = hasSupports ? 'support' : 'GB/s';
  const rows = plainTable(['', 'threads', 'ns/element', third, `time / ${base}`, 'ms', 'error'], 1);
  for (const [id, { label, threads, error, timing, support }] of Object.entries(entries)) {
    const time = nanosecondsPerElement(result, id);
    const figure = hasSupports ? support : BYTES_PER_ELEMENT / time.median;
    const times = entries[base] ? spread(ratio(result, id, base)) : '';
    const milliseconds = digits(timing.samples.median);
    const shown = figure === undefined ? '' : digits(figure);
    rows.push([label, threads, spread(time), shown, times, milliseconds, error.toExponential(0)]);
  }
  const rounds = Object.values(entries)[0]?.timing.rounds.length ?? 0;
  const about = support === undefined || hasSupports ? '' : `, mean support ${digits(support)}`;
  const missing = absent.length > 0 ? `not here: ${absent.join(', ')}\n` : '';
  const kind = (KINDS_OF[suite.data] ?? SCORES)[suite.scores];
  return `${suite.name}: ${kind}${about}, ${rounds} rounds\n${rows}\n${factLines(entries)}${missing}`;
}

/**
 * Structured inference: what a problem takes, and of solutions the calls of the oracle, the structures, how many problems are
 * solved and the largest gap. Means over the problems.
 */
function problemTable(result) {
  const { suite, entries, absent } = result;
  const base = suite.entries[0].id;
  const columns = ['us/problem', 'problems', 'calls', 'structures', 'solved', 'gap', `time / ${base}`, 'ms', 'error'];
  const rows = plainTable(['', 'threads', ...columns], 1);
  for (const [id, { label, threads, error, timing, facts = {} }] of Object.entries(entries)) {
    const { median, q1, q3 } = nanosecondsPerElement(result, id);
    const time = spread({ median: median / 1000, q1: q1 / 1000, q3: q3 / 1000 });
    const told = [facts.calls, facts.structures, facts.solved, facts.gap].map((each) =>
      each === undefined ? '' : digits(each),
    );
    const times = entries[base] ? spread(ratio(result, id, base)) : '';
    const problems = elementsOf(suite, id);
    const milliseconds = digits(timing.samples.median);
    rows.push([label, threads, time, problems, ...told, times, milliseconds, error.toExponential(0)]);
  }
  const missing = absent.length > 0 ? `not here: ${absent.join(', ')}\n` : '';
  const rounds = Object.values(entries)[0]?.timing.rounds.length ?? 0;
  const scores = KINDS[suite.scores];
  return `${suite.name}: ${scores}, ${rounds} rounds\n${rows}\n${overCalls(result, base)}${missing}`;
}

/** What a solve takes beside its calls of the oracle: one call of the oracle alone for each, in the same rounds. */
function overCalls(result, base) {
  const calls = result.entries[base]?.facts?.calls;
  if (calls === undefined || !result.entries.map) return '';
  const { median, q1, q3 } = ratio(result, base, 'map');
  return `time / (calls x map): ${spread({ median: median / calls, q1: q1 / calls, q3: q3 / calls })}\n`;
}

/** Figures besides the time. */
function factLines(entries) {
  const lines = Object.values(entries).flatMap(({ label, facts = {} }) =>
    Object.entries(facts).map(([says, figure]) => `${label}: ${figure} ${says}\n`),
  );
  return [...new Set(lines)].join('');
}

/** Every element is read once and written once; what stays in the caches in between is not counted. */
const BYTES_PER_ELEMENT = 8;

/** Nanoseconds per element of each entry, and the ratio to the first, on one line. */
function line(result) {
  const { suite, entries } = result;
  const base = suite.entries[0].id;
  const figures = Object.keys(entries).map((id) => {
    const times = id === base ? '' : ` (${digits(ratio(result, id, base).median)})`;
    return `${id} ${digits(nanosecondsPerElement(result, id).median)}${times}`;
  });
  return `${suite.name}: ${figures.join(', ')}`;
}

/**
 * @param {import('./goals.js').Verdict[]} verdicts
 * @param {string} simd the package's level
 */
export function goalsTable(verdicts, simd) {
  const rows = plainTable(['', 'ratio', 'goal', 'measured', ''], 2);
  for (const { suite, says, goal, figure, met } of verdicts) {
    rows.push([suite, says, goal, figure ? spread(figure) : '', answer(figure, met)]);
  }
  const judged = verdicts.filter(({ met }) => met !== undefined);
  const met = judged.filter((verdict) => verdict.met).length;
  return `goals, ${runtime()}, ${simd}: ${met} of ${judged.length} met\n${rows}\n`;
}

function answer(figure, met) {
  if (!figure) return 'not measured';
  return met === undefined ? '' : met ? 'met' : 'missed';
}

const runtime = () => {
  const { bun, node } = process.versions;
  return bun ? `Bun ${bun}` : `Node ${node}`;
};

/** @param {ReturnType<typeof import('./record.js').describeMachine>} machine */
export function machineLine({ cpu, cores, os, load }) {
  const busy = load > 0.5 ? `; load ${digits(load)}: other work is running, the spread will show it` : '';
  return `${cpu}, ${cores} cores, ${os}, ${runtime()}${busy}`;
}

/** Median, and the quartiles in brackets. */
function spread({ median, q1, q3 }) {
  return `${digits(median)} [${digits(q1)}, ${digits(q3)}]`;
}

/** Three digits that count. */
function digits(value) {
  return value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
