/**
 * Calls back at the end of this turn of the event loop, once what has come in it was handled: whatever gathers what is to be
 * written shares one callback of the event loop. Whoever asks again from there is called at the end of the next turn.
 */
export function atEndOfTurn(work: () => void): void {
  if (waiting.push(work) === 1) setImmediate(endTurn)
}

function endTurn(): void {
  const due = waiting
  waiting = []
  let done = 0
  try {
    while (done < due.length) due[done++]?.()
  } finally {
    // One that throws takes no other's turn.
    for (const work of due.slice(done)) atEndOfTurn(work)
  }
}

let waiting: (() => void)[] = []
