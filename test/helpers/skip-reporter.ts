import type { Reporter, TestModule } from 'vitest/node'

/** Counts and names what was skipped, and fails the run where nothing may be. */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')].map((test) => test.fullName))
    // A run of a part skips the rest because it was asked to.
    const partial = process.argv.some((argument) => argument === '-t' || argument.startsWith('--testNamePattern'))
    if (skipped.length === 0 || partial) return
    process.stdout.write(
      `\n${skipped.length} tests were SKIPPED for want of a server (scripts/install-test-servers installs them):\n`,
    )
    for (const name of skipped) process.stdout.write(`  ${name}\n`)
    if (process.env['PAMCTL_TEST_REQUIRE_ALL'] === '1') process.exitCode = 1
  }
}
