export const config = {
  name: 'Produce', type: 'api', path: '/produce', method: 'POST', emits: ['bench.emitted'], flows: [],
}

const now_s = () => Number(process.hrtime.bigint()) / 1e9

export const handler = async (req: any, { emit }: any) => {
  const first_s = now_s()
  const taken_s = []
  for (let begin_s = first_s; begin_s - first_s < req.body.seconds; ) {
    await emit({ topic: 'bench.emitted', data: { at_s: begin_s, text: 'x'.repeat(64) } })
    const end_s = now_s()
    taken_s.push(end_s - begin_s)
    begin_s = end_s
  }
  return { status: 200, body: { first_s, taken_s } }
}
