import { expect, it } from 'vitest'
import { joinPieces } from '../../src/wire/join-pieces.ts'

it('joins pieces in order, and gives none for none', () => {
  expect(joinPieces([Buffer.from('a'), Buffer.from(''), Buffer.from('bc')]).toString()).toBe('abc')
  expect(joinPieces([])).toHaveLength(0)
})

it('gives a single piece as it is', () => {
  const piece = Buffer.from('abc')
  expect(joinPieces([piece])).toBe(piece)
})
