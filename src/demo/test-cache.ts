import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Programs that scripts/install-test-servers and scripts/install-kube-apiserver put into a cache outside the checkout. It is a file of its own
 * since vitest.config.ts needs it: where anything changes that the configuration imports, vitest transforms all modules again.
 */
export const TEST_CACHE =
  process.env['PAMCTL_TEST_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pamctl-tests')
