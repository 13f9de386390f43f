/**
 * What goes into the published package: the library with its inlined kernels, the command, and the declarations.
 *
 * The library imports nothing. The command imports the library as its users do, and contains its own dependencies with
 * their licences.
 */

import { builtinModules } from 'node:module';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import resolve from '@rollup/plugin-node-resolve';
import dts from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';
import license from 'rollup-plugin-license';

const typescript = () => esbuild({ target: 'es2022', tsconfig: 'tsconfig.json' });

/**
 * What all entries share has tensors; what the maps of two entries share, their forms; what attention shares with them, rows. Declarations
 * are split by their own imports: those of the losses are by themselves.
 */
const nameOfShared = ({ moduleIds }) => {
  const has = (file) => moduleIds.some((id) => id.endsWith(file));
  if (has('/tensor.ts')) return 'shared';
  if (has('/maps/dense.ts') || has('/maps/types.ts')) return 'forms';
  return has('/losses/types.ts') ? 'losses' : 'rows';
};

/** Kernels that are loaded late have their own names. */
const nameOfChunk = (chunk) => (chunk.name.endsWith('.inline') ? '[name].js' : `${nameOfShared(chunk)}.js`);

export default [
  {
    input: {
      index: 'ts/src/index.ts',
      attention: 'ts/src/attention/index.ts',
      structured: 'ts/src/structured/index.ts',
      regularised: 'ts/src/regularised/index.ts',
    },
    output: {
      dir: 'dist',
      format: 'es',
      entryFileNames: '[name].js',
      chunkFileNames: nameOfChunk,
      generatedCode: 'es2015',
    },
    plugins: [json({ preferConst: true }), resolve({ extensions: ['.js', '.ts'] }), typescript()],
  },
  {
    input: 'ts/src/cli/main.ts',
    external: [...builtinModules, /^node:/, 'entmax', 'entmax/attention', 'entmax/regularised'],
    output: {
      dir: 'dist',
      entryFileNames: 'cli.js',
      chunkFileNames: 'cli.[name].js',
      format: 'es',
      paths: {
        entmax: './index.js',
        'entmax/attention': './attention.js',
        'entmax/regularised': './regularised.js',
      },
      generatedCode: 'es2015',
    },
    plugins: [
      json({ preferConst: true }),
      resolve({ extensions: ['.js', '.ts'], exportConditions: ['node'] }),
      commonjs(),
      typescript(),
      license({ thirdParty: { output: 'dist/cli.licenses.txt' } }),
    ],
  },
  {
    input: {
      index: 'ts/src/index.ts',
      attention: 'ts/src/attention/index.ts',
      structured: 'ts/src/structured/index.ts',
      regularised: 'ts/src/regularised/index.ts',
    },
    output: {
      dir: 'dist',
      entryFileNames: '[name].d.ts',
      chunkFileNames: (chunk) => `${nameOfShared(chunk)}.d.ts`,
      format: 'es',
      // Tensors are disposable: users' own `lib` may be older than that.
      banner: '/// <reference lib="esnext.disposable" preserve="true" />',
    },
    plugins: [dts({ tsconfig: 'tsconfig.json' })],
  },
];
