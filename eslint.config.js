/**
 * Lint rules. Besides the usual ones, two that hold what the project promises:
 *
 * - same bits everywhere: no transcendental Math.* and no `**` where results are made, because engines differ in
 *   their last bits;
 * - no view of linear memory outlives a call that may grow it (scripts/lint/no-cached-view.js).
 */

import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import noCachedView from './scripts/lint/no-cached-view.js';

const TRANSCENDENTAL = [
  ...['acos', 'acosh', 'asin', 'asinh', 'atan', 'atan2', 'atanh', 'cbrt', 'cos', 'cosh', 'exp', 'expm1', 'hypot'],
  ...['log', 'log10', 'log1p', 'log2', 'pow', 'sin', 'sinh', 'tan', 'tanh'],
];
const differs = 'Engines differ in its last bits: results would not be the same everywhere.';

export default tseslint.config(
  { ignores: ['build/', 'dist/', 'target/', 'docs/', 'bench/peers/assembly/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-empty-object-type': 'off',
      // Indices into typed arrays are right by construction in numeric code; `!` says so and costs nothing.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      // What comes in from users is unknown and checked by hand.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'performance',
          'Buffer',
          'URL',
          'WebAssembly',
          'setTimeout',
          'clearTimeout',
          'fetch',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['ts/src/**/*.ts', 'examples/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...TRANSCENDENTAL.map((property) => ({ object: 'Math', property, message: differs })),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "BinaryExpression[operator='**']", message: differs },
        { selector: "AssignmentExpression[operator='**=']", message: differs },
      ],
    },
  },
  {
    files: ['ts/src/**/*.ts'],
    plugins: { entmax: { rules: { 'no-cached-view': noCachedView } } },
    rules: {
      'entmax/no-cached-view': [
        'error',
        {
          growing: ['runJob', 'runPlan', 'allocateTensor', 'copyOf', 'copyOfNumbers', 'perRow', 'perRowOf', 'result'],
          views: ['viewOf', 'scoresView', 'boundsView', 'dataOf'],
        },
      ],
    },
  },
  {
    // The control block lies in shared memory and never moves: its views stay valid for ever.
    files: ['ts/src/runtime/control.ts'],
    rules: { 'entmax/no-cached-view': ['error', { owner: 'runtime/control.ts' }] },
  },
);
