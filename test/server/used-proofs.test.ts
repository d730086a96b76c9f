import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createProver } from '../../src/gateway-client/prover.ts'
import { PROOF_MEMORY_MS, proofVerifier } from '../../src/identity/proof.ts'
import { openUsedProofs } from '../../src/server/used-proofs.ts'

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'pamctl-test-proofs-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const SUBJECT = { method: 'POST', url: 'https://pam.example.com/v1/token' }

/** A process of the gateway, from its start at this time. */
function start(now: number) {
  const used = openUsedProofs(directory, now)
  const proofs = proofVerifier(now, used)
  return {
    take: (proof: string, at: number) => proofs.verify(proof, { ...SUBJECT, now: at }),
    used,
    stop: () => used.close(),
  }
}
const bytesKept = (): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

describe('a proof that was used', () => {
  it('is not taken by a process that starts after that, whatever clock it was made by', async () => {
    const made = Date.now()
    const prover = await createProver()
    const proofs = await Promise.all([0, 1, 2].map(() => prover.prove(SUBJECT.method, SUBJECT.url)))
    // By the clock of the gateway, its client is up to a minute ahead.
    const [now, restarted] = [made - 50_000, made - 45_000]
    const first = start(now)
    await first.take(proofs[0] ?? '', now)
    await first.take(proofs[1] ?? '', now + 1000)
    first.stop()
    const second = start(restarted)
    for (const used of proofs.slice(0, 2))
      await expect(second.take(used, restarted)).rejects.toMatchObject({ code: 'PROOF_REPLAYED' })
    await second.take(proofs[2] ?? '', restarted)
    second.stop()
    const third = start(restarted + 1000)
    for (const used of proofs)
      await expect(third.take(used, restarted + 1000)).rejects.toMatchObject({ code: 'PROOF_REPLAYED' })
    third.stop()
  })

  it('by a clock that was ahead keeps nobody out: it is forgotten like others', () => {
    const now = 1_700_000_000_000
    const { used } = start(now)
    used.keep(Buffer.alloc(32, 1), now + 365 * 86_400_000)
    used.close()
    const later = openUsedProofs(directory, now)
    expect([...later.earlier.values()]).toEqual([now + PROOF_MEMORY_MS])
    later.close()
  })

  it('is known while it would be taken, in as much space as that needs', () => {
    let now = 1_700_000_000_000
    let { used } = start(now)
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 10; i++) used.keep(Buffer.alloc(32, round * 10 + i), now + PROOF_MEMORY_MS)
      expect(bytesKept()).toBeLessThanOrEqual(20 * 40)
      used.close()
      used = openUsedProofs(directory, now + 1)
      expect([...used.earlier.keys()].slice(-10)).toEqual(
        Array.from({ length: 10 }, (_, i) => Buffer.alloc(32, round * 10 + i).toString('base64url')),
      )
      used.close()
      used = openUsedProofs(directory, now + PROOF_MEMORY_MS)
      expect(used.earlier.size).toBe(0)
      now += 2 * PROOF_MEMORY_MS
    }
    used.close()
  })

  it('is known behind a record that was cut when the process ended, and so are those that follow', () => {
    const now = 1_700_000_000_000
    const first = openUsedProofs(directory, now)
    first.keep(Buffer.alloc(32, 1), now + PROOF_MEMORY_MS)
    first.close()
    appendFileSync(join(directory, 'used-proofs.0'), Buffer.alloc(17, 9))
    const second = openUsedProofs(directory, now)
    second.keep(Buffer.alloc(32, 2), now + PROOF_MEMORY_MS)
    second.close()
    const third = openUsedProofs(directory, now)
    third.close()
    expect([...third.earlier.keys()]).toEqual([1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64url')))
  })

  it('is not taken where that cannot be kept', async () => {
    const now = Date.now()
    const prover = await createProver()
    const proof = await prover.prove(SUBJECT.method, SUBJECT.url)
    const process = start(now)
    process.stop()
    await expect(process.take(proof, now)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', side: 'gateway' })
  })
})
