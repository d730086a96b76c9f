import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HostStatement } from '../../../src/host/command/facts.ts'
import { sampledRuns } from '../../helpers/sampled.ts'
import { describeFind, replay, runCampaign } from './campaign.ts'
import { CORPUS } from './corpus.ts'
import { compare, gatewayReading, isUnderstood, type Disagreement, type Reading } from './oracle.ts'
import { missingForSandbox, Sandbox } from './sandbox.ts'
import { SHELLS, type ShellName } from './shells.ts'
import { shrink } from './shrink.ts'

const missing = missingForSandbox()
/** As many on every machine: 480 where nothing else is asked for. By hand it runs as long as you like (scripts/fuzz-command-lines.js). */
const SCRIPTS = sampledRuns(2400)
/** As many at the same time, each in a sandbox of its own: more than half of the time of one goes by in waiting for its processes. */
const CAMPAIGNS = 4
/** The same scripts each time: a change is judged by what it changes. New ones are tried by hand. */
const SEED = 382_863_012
const INSTALLED = (Object.keys(SHELLS) as ShellName[]).filter(
  (shell) => spawnSync('which', [SHELLS[shell].argv[0]]).status === 0,
)

describe.skipIf(missing !== undefined)(
  `command lines in real shells${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('do nothing that the gateway does not say of them', async () => {
      const seed = Number(process.env['PAMCTL_FUZZ_SEED'] ?? SEED)
      process.stdout.write(`command lines are made up from seed ${seed}\n`)
      const count = Math.ceil(SCRIPTS / CAMPAIGNS)
      const campaigns = await Promise.all(
        Array.from({ length: CAMPAIGNS }, (_, index) =>
          runCampaign({
            seed: seed + index * count,
            reading: gatewayReading,
            shells: INSTALLED,
            count,
            mostFinds: 3,
          }),
        ),
      )
      expect(campaigns.flatMap(({ finds }) => finds.map((find) => `\n${describeFind(find)}\n`)).join('')).toBe('')
      // Where next to nothing is understood, next to nothing was tried.
      for (const { ran } of campaigns)
        for (const shell of ['bash', 'dash'] as const) expect(ran[shell]).toBeGreaterThan(count / 2)
    }, 1_200_000)

    it('are unknown where the login shell is another one than those that run here', async () => {
      // What scp, rsync and git ask for means the same in all of them.
      for (const text of CORPUS.filter((one) => !/^(scp|rsync|git-)/.test(one)))
        for (const shell of ['zsh', 'mksh'] as const)
          expect(isUnderstood(await gatewayReading(text, shell)), text).toBe(false)
    })

    describe('a gateway that is wrong is found out:', () => {
      const changed =
        (change: (statement: HostStatement) => HostStatement): Reading =>
        async (text, shell) =>
          (await gatewayReading(text, shell)).map(change)

      it.each<[string, Reading, Disagreement['type']]>([
        ['one that forgets what is read', changed((one) => ({ ...one, reads: [] })), 'read'],
        ['one that forgets what is written', changed((one) => ({ ...one, writes: [] })), 'write'],
        ['one that forgets programs', changed((one) => ({ ...one, argv: ['true'] })), 'run'],
        ['one that forgets words', changed((one) => ({ ...one, argv: one.argv.slice(0, 1) })), 'run'],
        ['one that takes the unknown for harmless', changed((one) => ({ ...one, unknown: [], opaque: [] })), 'run'],
        [
          'one that reads the first line only',
          (text, shell) => gatewayReading(text.split('\n')[0] as string, shell),
          'run',
        ],
        ['one that believes in quotes', (text, shell) => gatewayReading(text.replaceAll(/["'\\]/g, ''), shell), 'run'],
      ])('%s', async (_, reading, type) => {
        const { kinds } = await runCampaign({ seed: 1, count: 400, reading, shells: ['bash'], mostFinds: 8, tries: 0 })
        expect([...kinds.keys()].filter((kind) => kind.startsWith(type))).not.toEqual([])
      })
    })

    describe('what is seen of a script:', () => {
      let sandbox: Sandbox
      beforeAll(async () => {
        sandbox = new Sandbox()
        await sandbox.ready()
      })
      afterAll(() => sandbox.stop())

      it.each<[ShellName, string, string]>([
        ['bash', 'cat vault/secret', 'read /mnt/u/vault/secret'],
        ['dash', 'cd vault && cat secret', 'read /mnt/u/vault/secret'],
        ['dash', 'cat link/secret', 'read /mnt/u/vault/secret'],
        ['bash', 'cat /proc/self/cwd/vault/secret', 'read /mnt/u/vault/secret'],
        ['bash', 'cat /dev/fd/../cwd/vault/secret', 'read /mnt/u/vault/secret'],
        ['bash', 'exec 3<vault; cat /proc/self/fd/3/secret', 'read /mnt/u/vault/secret'],
        ['dash', 'ln -s vault l; cat l/secret', 'read /mnt/u/vault/secret'],
        ['dash', 'ln -s vault l; rm l/secret', 'write /mnt/u/vault/secret'],
        ['dash', 'ln -s vault l; mv l k; rm k/secret', 'write /mnt/u/vault/secret'],
        ['dash', 'mv vault v', 'change /mnt/u/vault/secret'],
        ['dash', 'ln vault/secret n; echo x >n', 'write /mnt/u/vault/secret'],
        ['bash', 'echo vault/*', 'list /mnt/u/vault'],
        ['dash', 'ls link/', 'list /mnt/u/vault'],
        ['dash', 'chmod 600 vault/secret', 'write /mnt/u/vault/secret'],
        ['dash', 'touch -d @1 vault/secret', 'write /mnt/u/vault/secret'],
        ['dash', 'touch vault/x; rm vault/x', 'write /mnt/u/vault/x'],
        ['dash', 'cat <../out/secret', 'read /mnt/out/secret'],
        ['dash', '(sleep 0.05; rm vault/secret) &', 'write /mnt/u/vault/secret'],
        ['bash', '[ 1 -eq "a[\\$(rm vault/secret)]" ]; jobs -x rm vault/secret', 'run /usr/bin/rm vault/secret'],
        ['bash', 'PATH=bin; ls', 'run bin/ls'],
        ['bash', 'exec -a x cat a', 'run /usr/bin/cat a'],
        [
          'bash',
          ': </dev/tcp/127.0.0.1/9',
          'connect {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}',
        ],
        ['bash', 'kill -9 -1', ''],
        ['bash', 'while :; do :; done', ''],
        ['bash', 'while :; do sleep 9 & done', 'run /usr/bin/sleep 9'],
      ])('%s: %s', async (shell, text, expected) => {
        // What ends by itself is waited for, however busy the machine is.
        const background = text.includes('0.05') ? { background: 60_000 } : {}
        const outcome = await sandbox.run({ shell, text, input: 0 }, background)
        const found = compare(outcome, []).map(({ type, what }) => `${type} ${what}`)
        if (expected === '') expect(found).toEqual([])
        else expect(found).toContain(expected)
        // Everything is as before for the next one.
        expect(compare(await sandbox.run({ shell, text: 'echo fine', input: 0 }), [])).toEqual([])
      })

      it('a command too long for strace is compared as far as it shows', async () => {
        const outcome = await sandbox.run({ shell: 'bash', text: 'numfmt $(seq 1000) [', input: 0 })
        const [seq, numfmt] = (await gatewayReading('seq 1000; numfmt 1', 'bash')) as [HostStatement, HostStatement]
        expect(compare(outcome, [seq, { ...numfmt, argv: ['numfmt', null, '['] }])).toEqual([])
        expect(compare(outcome, [seq, { ...numfmt, argv: ['numfmt', '1', '3', null] }])).toMatchObject([
          { type: 'run' },
        ])
      })

      it('nothing outside of its home can be changed', async () => {
        const outside = mkdtempSync(join(tmpdir(), 'pamctl-fuzz-outside-'))
        try {
          chmodSync(outside, 0o777)
          for (const place of [outside, `/proc/1/root${outside}`, '/etc', '/usr', '/var/lib'])
            await sandbox.run({ shell: 'bash', text: `echo x >${place}/x; id -u >new`, input: 0 })
          expect(readdirSync(outside)).toEqual([])
        } finally {
          rmSync(outside, { recursive: true })
        }
      })
    })

    it('a find is made short, and can be run again', async () => {
      const careless: Reading = async (text, shell) =>
        (await gatewayReading(text, shell)).map((statement) => ({ ...statement, writes: [] }))
      const { finds } = await runCampaign({ seed: 77, count: 400, reading: careless, shells: ['dash'], mostFinds: 1 })
      const [find] = finds
      expect(find?.text.length).toBeLessThan(30)
      expect(await replay(find as NonNullable<typeof find>, careless)).toMatchObject({
        disagreements: find?.disagreements.map(({ type }) => ({ type })),
      })
      expect(describeFind(find as NonNullable<typeof find>)).toContain('--script')
    })

    it('shrinking leaves out all that is not needed', async () => {
      const text = await shrink(
        'echo a; if true; then rm "x y" b; fi | cat',
        (one) => Promise.resolve(one.includes('rm')),
        500,
      )
      expect(text).toBe('rm')
    })
  },
)
