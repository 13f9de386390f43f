/**
 * The test command: formatting, lint and types of both languages, documentation of every public symbol, the native
 * tests of the kernels, and the vitest suites (every runtime among them). Runs all of it whatever fails, then says so:
 * the last line is the count.
 */

import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BUILD, ROOT, toolEnvironment } from './setup/paths.js';

const VITEST_REPORT = join(BUILD, 'vitest.json');

/**
 * @typedef {object} Count
 * @property {number} passed
 * @property {number} failed
 */

/**
 * Runs a command with its output shown, and resolves with its exit code and standard output.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function show(command, args) {
  process.stdout.write(`\n$ ${[command, ...args].join(' ').replaceAll(ROOT, '')}\n`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, env: toolEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('error', (error) => resolve({ code: 1, output: String(error) }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * A command that counts as one test.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<Count>}
 */
async function check(command, args) {
  const { code } = await show(command, args);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** @returns {Promise<Count>} */
async function cargoTests() {
  const { code, output } = await show('cargo', ['test', '--package', 'entmax-core']);
  const count = { passed: 0, failed: 0 };
  for (const [, passed, failed] of output.matchAll(/^test result: .* (\d+) passed; (\d+) failed;/gm)) {
    count.passed += Number(passed);
    count.failed += Number(failed);
  }
  return atLeastOneFailure(count, code);
}

/** @returns {Promise<Count>} */
async function vitest() {
  await rm(VITEST_REPORT, { force: true });
  await mkdir(BUILD, { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${VITEST_REPORT}`];
  const { code } = await show(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters]);
  try {
    const report = JSON.parse(await readFile(VITEST_REPORT, 'utf8'));
    // A test that was skipped has shown nothing: it counts as failed.
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = report;
    return atLeastOneFailure({ passed: numPassedTests, failed: numFailedTests + numPendingTests + numTodoTests }, code);
  } catch {
    return { passed: 0, failed: 1 };
  }
}

/**
 * A command that failed without a failed test (it did not compile, it counted nothing) is a failure all the same.
 *
 * @param {Count} count
 * @param {number} code
 */
function atLeastOneFailure({ passed, failed }, code) {
  return code !== 0 || passed === 0 ? { passed, failed: Math.max(failed, 1) } : { passed, failed };
}

const node = (/** @type {string} */ path, /** @type {string[]} */ ...args) =>
  check(process.execPath, [join(ROOT, 'node_modules', path), ...args]);

const total = { passed: 0, failed: 0 };
for (const suite of [
  () => node('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
  () => node('eslint/bin/eslint.js', '.'),
  () => node('typescript/bin/tsc', '--noEmit'),
  () => node('typedoc/bin/typedoc', '--emit', 'none', '--logLevel', 'Warn'),
  () => check('cargo', ['fmt', '--all', '--check']),
  () =>
    check('cargo', ['clippy', '--quiet', '--workspace', '--all-targets', '--all-features', '--', '--deny', 'warnings']),
  cargoTests,
  vitest,
]) {
  const { passed, failed } = await suite();
  total.passed += passed;
  total.failed += failed;
}
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
