import type { Reporter, TestModule } from 'vitest/node'
import { cached, DEX, VAULT } from './test-clients.ts'

/** A server that scripts/install-test-servers does not install, since that would take a large part of the time of a whole run. */
interface BuiltApart {
  readonly server: string
  readonly script: string
  readonly isMissing: () => boolean
  /** The files whose tests need it. */
  readonly tests: RegExp
}

const BUILT_APART: readonly BuiltApart[] = [
  {
    server: 'Kubernetes API server, helm or k9s',
    script: 'scripts/install-kube-apiserver',
    isMissing: () => ['kube-apiserver-1.37.2', 'helm', 'k9s'].some((name) => cached('kubernetes', name) === undefined),
    tests: /\/test\/integration\/kubernetes[^/]*\.test\.ts$/,
  },
  {
    server: 'Dex',
    script: 'scripts/install-identity-servers',
    isMissing: () => DEX === undefined,
    tests: /\/test\/integration\/dex\.test\.ts$/,
  },
  {
    server: 'Vault',
    script: 'scripts/install-identity-servers',
    isMissing: () => VAULT === undefined,
    tests: /\/test\/integration\/vault\.test\.ts$/,
  },
]

/**
 * Counts and names what was skipped, and fails the run where nothing may be: only the tests of a server that is built apart, and
 * that is not there, are skipped everywhere.
 */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    // A run of a part skips the rest because it was asked to.
    if (process.argv.some((argument) => argument === '-t' || argument.startsWith('--testNamePattern'))) return
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map(({ fullName }) => ({ fullName, file: module.moduleId })),
    )
    const isOf = (apart: BuiltApart, file: string): boolean => apart.tests.test(file) && apart.isMissing()
    for (const apart of BUILT_APART) {
      const names = skipped.filter(({ file }) => isOf(apart, file)).map(({ fullName }) => fullName)
      report(names, `since there is no ${apart.server} (${apart.script} builds what is missing, once)`)
    }
    const others = skipped.filter(({ file }) => !BUILT_APART.some((apart) => isOf(apart, file)))
    report(
      others.map(({ fullName }) => fullName),
      'for want of a server (scripts/install-test-servers installs them)',
    )
    if (others.length > 0 && process.env['PAMCTL_TEST_REQUIRE_ALL'] === '1') process.exitCode = 1
  }
}

function report(names: readonly string[], why: string): void {
  if (names.length === 0) return
  process.stdout.write(`\n${names.length} tests were SKIPPED ${why}:\n`)
  for (const name of names) process.stdout.write(`  ${name}\n`)
}
