/**
 * When a test that hangs is given up, in milliseconds. Nothing here says how fast anything must be: a slow machine with other
 * work to do gets there, too.
 */
export const TEST_TIMEOUT = 120_000
export const HOOK_TIMEOUT = 180_000
