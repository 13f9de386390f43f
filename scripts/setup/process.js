/** Running commands for the scripts: output is kept and shown only when the command fails. */

import { spawn } from 'node:child_process';

/** A command that failed; `message` is what the person at the terminal should read. */
export class CommandError extends Error {}

/**
 * Runs a command to its end and resolves with its standard output.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options] `show`: pass the output through
 * @returns {Promise<string>}
 */
export function run(command, args, { cwd, env, show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    let output = '';
    let everything = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
      everything += chunk;
    });
    child.stderr?.on('data', (chunk) => (everything += chunk));
    child.on('error', (error) => reject(new CommandError(`${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
      reject(new CommandError(`${[command, ...args].join(' ')} ${how}\n${shortened(everything)}`));
    });
  });
}

/**
 * True when the command exists and succeeds.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export async function succeeds(command, args, options) {
  try {
    await run(command, args, options);
    return true;
  } catch {
    return false;
  }
}

/**
 * The beginning and the end of a long output: some tools say at the top what went wrong, others at the bottom.
 *
 * @param {string} text
 */
function shortened(text) {
  const lines = text.trimEnd().split('\n');
  return (lines.length <= 80 ? lines : [...lines.slice(0, 30), '...', ...lines.slice(-45)]).join('\n');
}
