import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take longest, each with the seconds that it took when it was last looked at. They start first, so that no worker is
 * left with one of them when the others have nothing more to do.
 */
const SECONDS: Readonly<Record<string, number>> = {
  'test/fuzz/ssh/fuzz.test.ts': 90,
  'test/integration/evidence.test.ts': 52,
  'test/integration/quickstart.test.ts': 47,
  'test/integration/resilience.test.ts': 44,
  'test/integration/dashboard.test.ts': 43,
  'test/integration/check.test.ts': 42,
  'test/integration/ssh-wire.test.ts': 42,
  'test/integration/ssh-hostile-targets.test.ts': 41,
  'test/integration/dashboard-pages.test.ts': 38,
  'test/integration/profiles.test.ts': 38,
  'test/integration/definitions.test.ts': 38,
  'test/integration/clients.test.ts': 37,
  'test/integration/hostile-targets.test.ts': 37,
  'test/integration/leaks.test.ts': 31,
  'test/cli/scripts.test.ts': 31,
  'test/integration/evasions.test.ts': 30,
  'test/integration/ssh-hostile.test.ts': 29,
  'test/demo/tour.test.ts': 27,
  'test/integration/ssh-evasions.test.ts': 27,
  'test/integration/hostile.test.ts': 26,
  'test/integration/web-session.test.ts': 25,
  'test/integration/cold-home.test.ts': 25,
  'test/integration/ssh-editors.test.ts': 19,
  'test/integration/cut-off.test.ts': 19,
  'test/integration/postgres.test.ts': 18,
  'test/integration/ssh.test.ts': 18,
  'test/integration/dashboard-tls.test.ts': 18,
  'test/integration/crash.test.ts': 18,
  'test/integration/server-edge.test.ts': 18,
  'test/integration/dashboard-hostile.test.ts': 18,
  'test/integration/agent.test.ts': 17,
  'test/integration/server-reading.test.ts': 17,
  'test/integration/identity.test.ts': 16,
  'test/docs.test.ts': 16,
  'test/integration/rule-sets.test.ts': 16,
  'test/storage/storage.test.ts': 15,
  'test/integration/cut-record.test.ts': 14,
  'test/host/output/stream-masking-cost.test.ts': 14,
  'test/integration/extensions.test.ts': 13,
  'test/integration/ssh-cli.test.ts': 13,
  'test/integration/toy-protocol.test.ts': 12,
  'test/integration/withdraw.test.ts': 12,
  'test/integration/notifications.test.ts': 12,
  'test/recording/versitygw.test.ts': 11,
}

export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId, project }: TestSpecification): number =>
      SECONDS[moduleId.slice(project.config.root.length + 1)] ?? 0
    return Promise.resolve(files.toSorted((a, b) => seconds(b) - seconds(a)))
  }
}
