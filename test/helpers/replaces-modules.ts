/**
 * Unit tests that replace modules (`vi.mock`): these stay replaced as long as the process lives, so each file has one of its own. The others
 * share theirs.
 */
export const REPLACES_MODULES = ['test/recording/file-calls.test.ts', 'test/recording/sync-directory.test.ts']
