import { appendFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeFind, replay, runCampaign } from './campaign.ts'
import { gatewayReading, type Reading } from './oracle.ts'
import { missingForSandbox } from './sandbox.ts'
import { SHELLS, type ShellName } from './shells.ts'

const USAGE = `Usage: node scripts/fuzz-command-lines.js [OPTION]...
Runs random scripts in real shells, and tells what they did that the gateway did not say of them before.

  --seed N         start with this seed; default: a random one, which is printed
  --count N        try N seeds
  --minutes N      stop after so many minutes; default: 2 if there is no --count
  --shell LIST     shells to run them in, of ${Object.keys(SHELLS).join(', ')}; default: all
  --as SHELL       read every script as one for SHELL, whatever it runs in
  --script TEXT    run this script only
  --input N        with --script: which standard input it has
  --except REGEXP  leave out scripts that match
  --out FILE       append what is found to a file as well
`

/** Returns the exit status: 1 if there is a find. */
export async function main(argv: readonly string[], say: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: 'string' },
      count: { type: 'string' },
      minutes: { type: 'string' },
      shell: { type: 'string', default: Object.keys(SHELLS).join(',') },
      as: { type: 'string' },
      script: { type: 'string' },
      input: { type: 'string', default: '0' },
      except: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    say(USAGE)
    return 0
  }
  const missing = missingForSandbox()
  if (missing !== undefined) {
    say(`cannot run scripts here: ${missing}\n`)
    return 2
  }
  const shells = values.shell.split(',').map(shellNamed)
  const as = values.as === undefined ? undefined : shellNamed(values.as)
  const reading: Reading = as === undefined ? gatewayReading : (text) => gatewayReading(text, as)
  if (values.script !== undefined) {
    let status = 0
    for (const shell of shells) {
      const find = await replay({ shell, text: values.script, input: Number(values.input) }, reading)
      if (find === undefined) say(`${shell}: not run: the gateway does not understand it\n`)
      else if (find.disagreements.length === 0) say(`${shell}: within what was said: ${find.said}\n`)
      else say(`${describeFind(find)}\n`)
      if (find !== undefined && find.disagreements.length > 0) status = 1
    }
    return status
  }
  // A campaign takes long: what it finds must not be lost for want of a place.
  if (values.out !== undefined) appendFileSync(values.out, '')
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed)
  const count = values.count === undefined ? undefined : Number(values.count)
  const minutes = values.minutes === undefined ? (count === undefined ? 2 : undefined) : Number(values.minutes)
  say(`seed ${seed}\n`)
  const result = await runCampaign({
    seed,
    reading,
    shells,
    count,
    milliseconds: minutes === undefined ? undefined : minutes * 60_000,
    except: values.except === undefined ? undefined : new RegExp(values.except, 's'),
    onFind(find) {
      const text = `${describeFind(find)}\n`
      say(text)
      if (values.out !== undefined) appendFileSync(values.out, text)
    },
  })
  const { made, understood, ran, finds, kinds, nextSeed } = result
  say(`${made} scripts made, ${understood} understood (${Math.round((100 * understood) / Math.max(made, 1))} %)\n`)
  say(
    `ran: ${Object.entries(ran)
      .map(([shell, times]) => `${times} in ${shell}`)
      .join(', ')}\n`,
  )
  if (kinds.size > 0) say(`kinds: ${[...kinds].map(([kind, times]) => `${kind} (${times})`).join(', ')}\n`)
  say(`${finds.length} finds, next seed ${nextSeed}\n`)
  return finds.length > 0 ? 1 : 0
}

function shellNamed(name: string): ShellName {
  if (!(name in SHELLS)) throw new Error(`no shell is named ${name}: there are ${Object.keys(SHELLS).join(', ')}`)
  return name as ShellName
}
