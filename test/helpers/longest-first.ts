import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take longest, each with the seconds that it took when it was last looked at. They start first, so that no worker is
 * left with one of them when the others have nothing more to do.
 */
const SECONDS: Readonly<Record<string, number>> = {
  'test/fuzz/ssh/fuzz.test.ts': 65,
  'test/integration/ssh-evasions.test.ts': 70,
  'test/integration/evidence.test.ts': 65,
  'test/integration/resilience.test.ts': 59,
  'test/integration/ssh-wire.test.ts': 52,
  'test/integration/quickstart.test.ts': 48,
  'test/integration/ssh-hostile-targets.test.ts': 44,
  'test/integration/ssh-hostile.test.ts': 43,
  'test/integration/ssh-editors.test.ts': 36,
  'test/integration/ssh.test.ts': 35,
  'test/integration/profiles.test.ts': 35,
  'test/integration/dashboard-pages.test.ts': 34,
  'test/integration/dashboard.test.ts': 33,
  'test/integration/check.test.ts': 32,
  'test/cli/scripts.test.ts': 29,
  'test/integration/hostile-targets.test.ts': 27,
  'test/integration/postgres.test.ts': 27,
  'test/integration/crash.test.ts': 26,
  'test/integration/evasions.test.ts': 25,
  'test/integration/leaks.test.ts': 25,
  'test/integration/web-session.test.ts': 25,
  'test/integration/clients.test.ts': 22,
  'test/integration/cut-off.test.ts': 21,
  'test/integration/ssh-cli.test.ts': 21,
  'test/integration/ssh-scp.test.ts': 20,
  'test/integration/server-edge.test.ts': 19,
  'test/docs.test.ts': 19,
  'test/integration/dashboard-hostile.test.ts': 18,
  'test/demo/tour.test.ts': 18,
  'test/integration/agent.test.ts': 17,
  'test/integration/identity.test.ts': 17,
  'test/protocols/ssh/output/stream-masking.test.ts': 17,
  'test/integration/cut-record.test.ts': 17,
}

export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId, project }: TestSpecification): number =>
      SECONDS[moduleId.slice(project.config.root.length + 1)] ?? 0
    return Promise.resolve(files.toSorted((a, b) => seconds(b) - seconds(a)))
  }
}
