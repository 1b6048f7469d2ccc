import { CronConfig, Handlers } from 'motia';

export const config: CronConfig = {
  name: 'DailySummary',
  type: 'cron', // ← Time-based
  cron: '0 9 * * *', // ← Schedule
  emits: ['summary.generated'],
  flows: ['messaging'],
};

export const handler: Handlers['DailySummary'] = async ({ emit }) => {
  await emit({ topic: 'summary.generated', data: {} })
};
