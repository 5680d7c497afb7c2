import { playsSeeds } from './playing-seeds.ts';

playsSeeds(1001, 2000);
