use kernel::{Error, ErrorKind};
use request::{Call, Port, ServiceTable, Tower};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::shop::{Nobody, PayIn, Shop};

#[tokio::test]
async fn a_request_is_a_tower_service() {
    let shop = Shop::new();
    let mut port = ServiceBuilder::new()
        .map_request(|mut call: Call<PayIn>| {
            call.request.amount *= 2;
            call
        })
        .service(Port::<PayIn>::new(shop.requests.clone()));
    let call = |amount| Call { cx: shop.cx.clone(), request: PayIn { amount } };
    assert_eq!(port.ready().await.unwrap().call(call(3)).await.unwrap(), 6);
    let error = port.ready().await.unwrap().call(call(-3)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "it is the pipeline");
}

/// Readiness is asked for each call: a stack with room for one lets the second wait.
#[tokio::test]
async fn a_tower_stack_is_a_service() {
    let stack = ServiceBuilder::new()
        .map_response(|answer: i64| answer + 1)
        .service(tower::service_fn(|call: Call<Nobody>| async move { Ok::<_, Error>(call.request.amount) }));
    let shop = Shop::with(|table: &mut ServiceTable| table.serve::<Nobody>("outside", Tower(stack)));
    assert_eq!(shop.requests.ask(&shop.cx, Nobody { amount: 1 }).await.unwrap(), 2);
}
