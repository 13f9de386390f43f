// Property tests draw the same inputs in every run, so that a commit passes or fails for what it changed. Another draw:
// ENTMAX_TEST_SEED=7 npm test. New cases without end come from `npm run fuzz`.

import fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['ENTMAX_TEST_SEED'] ?? 1) });
