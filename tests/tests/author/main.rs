//! What an author of scalers does, with the program that he has: `bellows scaler …`, and what it prints.

#[cfg(test)]
mod begin;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod poll;
#[cfg(test)]
mod tell;
