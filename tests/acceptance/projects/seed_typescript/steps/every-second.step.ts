import { CronConfig, Handlers } from 'motia';

export const config: CronConfig = {
  name: 'EverySecond',
  type: 'cron',
  cron: '* * * * * *',
  emits: ['summary.generated'],
  flows: ['messaging'],
};

export const handler: Handlers['EverySecond'] = async (ctx) => {
  await ctx.emit({ topic: 'summary.generated', data: { trace: ctx.traceId } })
};
