/**
 * Sets up everything on a fresh machine, and does nothing that is done: `node scripts/setup.js [--for-tests]`.
 *
 * Needs Node, npm and rustup. Prints one line for each step that it performs, with its time, on standard error.
 */

import { CommandError } from './setup/process.js';
import { buildSteps, testSteps } from './setup/steps.js';
import { NODE_MINIMUM } from './setup/versions.js';

/** @param {import('./setup/steps.js').Step[]} steps */
async function perform(steps) {
  for (const step of steps) {
    const started = performance.now();
    if (await step.isDone()) continue;
    process.stderr.write(`set-up: ${step.name} ... `);
    try {
      await step.perform();
    } catch (error) {
      process.stderr.write('failed\n');
      throw error;
    }
    process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  }
}

function checkNode() {
  const version = process.versions.node.split('.').map(Number);
  const [major, minor] = NODE_MINIMUM;
  if (version[0] > major || (version[0] === major && version[1] >= minor)) return;
  throw new CommandError(`Node ${major}.${minor} or newer is needed to build, this is ${process.versions.node}`);
}

const started = performance.now();
try {
  checkNode();
  await perform(buildSteps);
  if (process.argv.includes('--for-tests')) await perform(await testSteps());
  process.stderr.write(`set-up: complete after ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
} catch (error) {
  process.stderr.write(`set-up: ${error instanceof CommandError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
