import { afterEach, vi } from 'vitest'

// Unit tests of many files share a process, and the modules in it: what one has replaced the next must not meet.
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})
