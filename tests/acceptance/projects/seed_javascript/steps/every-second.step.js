const config = {
  name: 'EverySecond',
  type: 'cron',
  cron: '* * * * * *',
  emits: ['summary.generated'],
  flows: ['messaging'],
};

const handler = async (ctx) => {
  await ctx.emit({ topic: 'summary.generated', data: { trace: ctx.traceId } })
};

module.exports = { config, handler };
