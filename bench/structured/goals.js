export const STRUCTURED_GOALS = [];
