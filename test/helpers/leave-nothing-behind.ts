import { afterAll, vi } from 'vitest'

// Tests of many files share a process, and the modules in it: what one file has replaced the next must not meet.
afterAll(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})
